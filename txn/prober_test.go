package txn

import (
	"maps"
	"strings"
	"testing"
)

// TestKeeps: every setting under which a server forgets what it has promised is refused, and named.
func TestKeeps(t *testing.T) {
	good := map[string]string{"version": "10.11.19-MARIADB", "innodb_flush_log_at_trx_commit": "1", "log_bin": "OFF", "sync_binlog": "0"}
	for _, c := range []struct{ set, want string }{
		{"", ""}, {"innodb_flush_log_at_trx_commit=0", "innodb_flush_log_at_trx_commit is 0"}, {"innodb_flush_log_at_trx_commit=2", "is 2"},
		{"log_bin=ON", "sync_binlog is 0"}, {"log_bin=ON sync_binlog=1", ""},
		{"Binlog_Do_DB=SHOP", "leaves out the schema heddle_mesh"}, {"Binlog_Do_DB=shop,heddle_mesh", ""},
		{"Binlog_Ignore_DB=test", ""}, {"Binlog_Ignore_DB=test,Heddle_Mesh", "leaves out the schema heddle_mesh"}, {"wsrep_on=ON", "Galera"},
		{"rpl_semi_sync_master_enabled=ON rpl_semi_sync_master_wait_point=AFTER_COMMIT", "only AFTER_SYNC"},
		{"rpl_semi_sync_master_enabled=ON rpl_semi_sync_master_wait_point=AFTER_SYNC", ""},
		{"rpl_semi_sync_source_enabled=ON rpl_semi_sync_source_wait_point=AFTER_COMMIT", "only AFTER_SYNC"},
		{"version=8.0.29", "from 8.0.30 on"}, {"version=8.0.36", ""}, {"version=8.0.36 xa_detach_on_prepare=OFF", "xa_detach_on_prepare is OFF"},
	} {
		vars := maps.Clone(good)
		for one := range strings.FieldsSeq(c.set) {
			name, value, _ := strings.Cut(one, "=")
			vars[name] = value
		}
		err := keeps(vars)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want %q", c.set, err, c.want)
		}
	}
}
