package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Refused is a document of which this instance does not run the version that is in force.
type Refused struct {
	Document string // kind and name, as in rules/shop
	Reason   string // a few words out of a fixed list
}

// UnfinishedDDL is what the DDL journal has in one state that is not the end.
type UnfinishedDDL struct {
	State   string // running, unfinished or damaged
	Entries int
	Oldest  time.Duration // since the first of them began
}

// troubles reads what needs an operator and shows in nothing that statements do. Its labels are documents, data sources, and fixed words.
type troubles struct {
	from                 Sources
	away, refused, alarm *prometheus.Desc
	left, oldest         *prometheus.Desc
}

func troublesOf(from Sources) *troubles {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("heddle_"+name, help, labels, nil)
	}
	return &troubles{
		from: from,
		away: desc("store_away", "1 while the store of the documents is not reached: the last good ones are served, and cannot change. 0 also where there is no store."),
		refused: desc("document_refused", "1 for a document of which this instance does not run the version in force; it keeps the last good one. The reason in full: heddle rules status.",
			"document", "reason"),
		alarm:  desc("replication_alarm", "1 while the data source's servers replicate in a way that an operator has to mend. Which one: heddle rw status.", "data_source"),
		left:   desc("ddl_unfinished", "DDL over several shards that is not done on all: it runs, or was done on some only, or nobody can say. Which: heddle ddl list.", "state"),
		oldest: desc("ddl_unfinished_age_seconds", "Since the first such DDL began; 0: there is none.", "state"),
	}
}

// Describe implements prometheus.Collector.
func (t *troubles) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{t.away, t.refused, t.alarm, t.left, t.oldest} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (t *troubles) Collect(ch chan<- prometheus.Metric) {
	send := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, n, labels...)
	}
	send(t.away, one(t.from.Away() != ""))
	for _, r := range t.from.Refused() {
		send(t.refused, 1, r.Document, r.Reason)
	}
	for _, d := range t.from.DDL() {
		send(t.left, float64(d.Entries), d.State)
		send(t.oldest, d.Oldest.Seconds(), d.State)
	}
	for dataSource, alarm := range t.from.Alarms() {
		send(t.alarm, one(alarm), dataSource)
	}
}
