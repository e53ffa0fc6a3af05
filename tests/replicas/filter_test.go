package replicas

import (
	"strconv"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/tests/harness"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/txnlog"
)

// TestFilteredLogIsRefused: a primary whose binary log leaves out what is decided would have a replica that is promoted roll back the half that it has been sent.
func TestFilteredLogIsRefused(t *testing.T) {
	c, err := env.StartReplicated(t.Context(), "c"+strconv.Itoa(int(clusters.Add(1))), 0, "--sync-binlog=1", "--binlog-do-db=shop")
	if err != nil {
		t.Fatal(err)
	}
	cfg := c.Servers[0].Config("")
	txnlog.Configure(cfg)
	if _, err := txn.Probe(t.Context(), harness.Open(t, cfg), "ds_0"); err == nil || !strings.Contains(err.Error(), "leaves out the schema heddle_mesh") {
		t.Errorf("the probe says %v", err)
	}
}
