package parser

import "testing"

// Comments that other proxies read as hints, up to the end of a line too.
func TestForeignHints(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT 1 -- maxscale route to master":                                    "maxscale.route=master",
		"SELECT 1 # MaxScale  route to slave\n":                                   "maxscale.route=slave",
		"/* maxscale route to master */ SELECT 1":                                 "maxscale.route=master",
		"SELECT 1 -- maxscale route to server s1":                                 "",
		"SELECT 1 -- maxscale begin":                                              "",
		"SELECT 1 -- maxscale max_slave_replication_lag=5":                        "maxscale.max_lag=5",
		"SELECT 1 /* maxscale max_slave_replication_lag = 5s */":                  "maxscale.max_lag=5s",
		"/* hostgroup=2 */ SELECT 1":                                              "proxysql.hostgroup=2",
		"SELECT /*+ ;hostgroup=0;create_new_connection=1 */ 1":                    "proxysql.hostgroup=0",
		"/* cache_ttl=1000; Max_Lag_MS = 500 ;min_gtid=a-b:7 */ SELECT 1":         "proxysql.max_lag_ms=500 proxysql.min_gtid=a-b:7",
		"/* page 7 */ SELECT 1 /* hostgroup=2 */":                                 "", // it reads the first comment
		"/* hostgroup=; cache_ttl=1 */ SELECT 1":                                  "",
		"SELECT /*+ heddle(replica) ;hostgroup=1 */ 1":                            "proxysql.hostgroup=1 heddle.replica=",
		"SELECT 1 -- hostgroup=1":                                                 "",
		"SELECT 1 -- a maxscale route to master":                                  "",
		"SELECT '-- maxscale route to master'":                                    "",
		"/* SHARDINGSPHERE_HINT: WRITE_ROUTE_ONLY=true */ SELECT 1":               "shardingsphere.write_route_only=true",
		"SELECT /*+ heddle(replica) */ 1":                                         "heddle.replica=",
		"SELECT 1 -- heddle(primary)":                                             "",
		"SELECT 1 -- maxscale route to master\nFROM t -- maxscale route to slave": "maxscale.route=master maxscale.route=slave",
	} {
		st, err := Parse(text, Mode{Flavour: Flavour{MariaDB: true, Version: 101100}})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := ""
		for i, h := range st.Hints {
			if i > 0 {
				got += " "
			}
			got += h.Key + "=" + h.Value
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
