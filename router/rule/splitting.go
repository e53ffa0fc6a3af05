package rule

import (
	"math"
	"slices"
	"strconv"
	"time"
)

// Splitting says that replicas are read and that the primary is found, for every data source of a document that has replicas.
type Splitting struct {
	Reads          string        // "replicas", or "primary": they only stand ready
	Balancer       string        // which replica is read
	MaxLag         time.Duration // beyond which a replica is not read; 0: however late it is
	ReadYourWrites string        // "gtid", "lag" or "off"
	WhenNoReplica  string        // "primary" or "error"
	FailoverWait   time.Duration // how long statements wait for a primary, from its end on
	// WriterHostgroup and ReaderHostgroup are the numbers by which comments for ProxySQL mean the primary and the replicas; nil: none does.
	WriterHostgroup, ReaderHostgroup *int
}

// What a Splitting's words may be. The balancers are those of governance/balance, which stands above this package, but for those by keys: reads have none.
var (
	splittingReads  = []string{"replicas", "primary"}
	splittingWrites = []string{"gtid", "lag", "off"}
	splittingNone   = []string{"primary", "error"}
)

// Balancers are the ways to choose a replica.
func Balancers() []string {
	return []string{"least_active", "least_request", "peak_ewma", "random", "round_robin", "weighted", "zone_first"}
}

// DefaultSplitting is what an empty section means.
func DefaultSplitting() Splitting {
	return Splitting{
		Reads: "replicas", Balancer: "least_active", MaxLag: 10 * time.Second, ReadYourWrites: "gtid", WhenNoReplica: "primary",
		FailoverWait: 10 * time.Second,
	}
}

func (r *reader) splitting(n *node, path string) *Splitting {
	s := DefaultSplitting()
	if n.isNull() {
		n.entries = []entry{}
	}
	r.fields(n, path, map[string]func(*node, string){
		"reads":            func(n *node, p string) { s.Reads = r.word(n, p, splittingReads...) },
		"balancer":         func(n *node, p string) { s.Balancer = r.word(n, p, Balancers()...) },
		"max_lag":          func(n *node, p string) { s.MaxLag = r.duration(n, p) },
		"read_your_writes": func(n *node, p string) { s.ReadYourWrites = r.word(n, p, splittingWrites...) },
		"when_no_replica":  func(n *node, p string) { s.WhenNoReplica = r.word(n, p, splittingNone...) },
		"failover_wait":    func(n *node, p string) { s.FailoverWait = r.duration(n, p) },
		"writer_hostgroup": func(n *node, p string) { s.WriterHostgroup = r.hostgroup(n, p) },
		"reader_hostgroup": func(n *node, p string) { s.ReaderHostgroup = r.hostgroup(n, p) },
	})
	return &s
}

func (r *reader) hostgroup(n *node, path string) *int {
	number := r.integer(n, path, 0, math.MaxInt32)
	return &number
}

func (v *validator) splitting() {
	s := v.doc.Splitting
	if s == nil {
		return
	}
	const path = "read_write_splitting"
	for _, w := range []struct {
		key, value string
		of         []string
	}{
		{"reads", s.Reads, splittingReads}, {"balancer", s.Balancer, Balancers()},
		{"read_your_writes", s.ReadYourWrites, splittingWrites}, {"when_no_replica", s.WhenNoReplica, splittingNone},
	} {
		if w.value != "" && !slices.Contains(w.of, w.value) { // the reader has told of those it could not read
			v.problem(path+"."+w.key, w.value+" is none of its values", "")
		}
	}
	if s.ReadYourWrites == "lag" && s.MaxLag == 0 {
		v.problem(path+".read_your_writes", "lag waits as long as a replica may be late, and max_lag sets no bound", "give max_lag, or take gtid")
	}
	if s.WriterHostgroup != nil && s.ReaderHostgroup != nil && *s.WriterHostgroup == *s.ReaderHostgroup {
		v.problem(path+".reader_hostgroup", "it is the writer_hostgroup too, so that a comment that names it says nothing", "")
	}
	if !slices.ContainsFunc(v.doc.DataSources, func(ds DataSource) bool { return len(ds.Replicas) > 0 }) {
		v.problem(path, "no data source has replicas", "write replicas: [host:port, …] under a data source, or leave the section out")
	}
}

func (s *Splitting) fields() (f []field) {
	f = addText(f, "reads", s.Reads)
	f = addText(f, "balancer", s.Balancer)
	f = append(f, field{"max_lag", s.MaxLag.String()})
	f = addText(f, "read_your_writes", s.ReadYourWrites)
	f = addText(f, "when_no_replica", s.WhenNoReplica)
	f = append(f, field{"failover_wait", s.FailoverWait.String()})
	for _, group := range []struct {
		key    string
		number *int
	}{{"writer_hostgroup", s.WriterHostgroup}, {"reader_hostgroup", s.ReaderHostgroup}} {
		if group.number != nil {
			f = append(f, field{group.key, strconv.Itoa(*group.number)})
		}
	}
	return f
}
