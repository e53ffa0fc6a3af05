package observe

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Servers are told of with their role and state, and with their lag where it is known.
func TestServersInMetrics(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(serversOf(func() []Endpoint {
		return []Endpoint{
			{DataSource: "ds_0", Address: "a:1", Role: "primary", State: "up"},
			{DataSource: "ds_0", Address: "b:1", Role: "replica", State: "lagging", Lag: 1500 * time.Millisecond, LagKnown: true},
		}
	}))
	got := numbers(t, r)
	if want := []string{
		"heddle_replica_lag_seconds ds_0 b:1 1.5", "heddle_server_role ds_0 a:1 primary 1", "heddle_server_role ds_0 b:1 replica 1",
		"heddle_server_state ds_0 a:1 up 1", "heddle_server_state ds_0 b:1 lagging 1",
	}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// What needs an operator is a number: the store that is away, versions that are not adopted, replication that nobody mends.
func TestTroublesInMetrics(t *testing.T) {
	away := ""
	refused := []Refused{{Document: "rules/shop", Reason: "invalid version"}}
	r := prometheus.NewPedanticRegistry()
	r.MustRegister(troublesOf(Sources{
		Away:    func() string { return away },
		Refused: func() []Refused { return refused },
		Alarms:  func() map[string]bool { return map[string]bool{"ds_0": true, "ds_1": false} },
		DDL:     func() []UnfinishedDDL { return []UnfinishedDDL{{State: "unfinished", Entries: 2, Oldest: time.Minute}} },
	}))
	if got, want := numbers(t, r), []string{
		"heddle_ddl_unfinished unfinished 2", "heddle_ddl_unfinished_age_seconds unfinished 60", "heddle_document_refused rules/shop invalid version 1", "heddle_replication_alarm ds_0 1", "heddle_replication_alarm ds_1 0", "heddle_store_away 0",
	}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	away, refused = "for a second", nil
	if got, want := numbers(t, r), []string{"heddle_ddl_unfinished unfinished 2", "heddle_ddl_unfinished_age_seconds unfinished 60", "heddle_replication_alarm ds_0 1", "heddle_replication_alarm ds_1 0", "heddle_store_away 1"}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// A counter that an alarm is to see growing is there before it grows.
func TestTroublesOfTransactionsBegin(t *testing.T) {
	r := prometheus.NewPedanticRegistry()
	x := newTransactions()
	r.MustRegister(x.alarms, x.recovered)
	x.of("ds_0")
	x.Alarm(txn.Alarm{DataSource: "ds_0", Trouble: xa.Missing})
	if got, want := numbers(t, r), []string{
		"heddle_xa_alarms_total ds_0 heuristic 0", "heddle_xa_alarms_total ds_0 lost 1", "heddle_xa_alarms_total ds_0 zombie 0",
		"heddle_xa_recovered_total ds_0 committed 0", "heddle_xa_recovered_total ds_0 rolled_back 0",
	}; !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// numbers are the metrics of a registry, each with the values of its labels.
func numbers(t *testing.T, r *prometheus.Registry) (out []string) {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			line := f.GetName()
			for _, l := range m.GetLabel() {
				line += " " + l.GetValue()
			}
			out = append(out, fmt.Sprint(line, " ", m.GetGauge().GetValue()+m.GetCounter().GetValue()))
		}
	}
	return out
}
