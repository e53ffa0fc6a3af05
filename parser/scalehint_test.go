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
