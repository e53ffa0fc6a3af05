package differential

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/sidecar/dev"
	"github.com/heddle-mesh/heddle/tests/harness"
)

var env *harness.Env

// lab is what the tests of this package share.
var lab struct {
	plain    Side
	self     Side // a third server, which stands in for heddle
	pool     *wire.Pool
	heddles  map[string]*harness.Heddle
	mysql    bool // the servers are MySQL's, not MariaDB's
	backends []string
	servers  []*dev.Server // behind backends
	replicas []string      // one of each backend, which reads go to; none: as usual
}

// serverFlags keep the optimiser from changing its mind while the tests run: with the statistics of empty tables for
// good, column flags that hang on its plans are those of the statement.
var serverFlags = []string{"--innodb-stats-persistent=ON", "--innodb-stats-auto-recalc=OFF"}

// selfLayout is a plain server in heddle's place: on it nothing may differ, which shows that the cases and the
// comparison are sound.
const selfLayout = "self"

func TestMain(m *testing.M) {
	os.Exit(harness.Run(m, harness.Options{Plain: true, Shards: 4, Flags: serverFlags, Setup: setUp}, &env))
}

func setUp(ctx context.Context, e *harness.Env) error {
	lab.pool = wire.NewPool(0)
	lab.mysql = !strings.Contains(e.ServerVersion(), "MariaDB")
	lab.plain = Side{Addr: e.Plain.Addr(), Pool: lab.pool, MySQL: lab.mysql}
	lab.heddles = map[string]*harness.Heddle{}
	own := e.Shards[2]
	lab.self = Side{Addr: own.Addr(), Pool: lab.pool, MySQL: lab.mysql}
	lab.servers = e.Shards[:2]
	if os.Getenv("HEDDLE_DIFFERENTIAL_REPLICAS") != "" {
		if err := replicate(ctx, e); err != nil {
			return err
		}
	}
	for _, s := range lab.servers {
		lab.backends = append(lab.backends, s.Addr())
	}
	schemas := []string{Schema}
	for _, l := range Layouts {
		schemas = append(schemas, generatedSchema(l.Name))
	}
	if err := e.Plain.CreateSchema(ctx, schemas...); err != nil {
		return err
	}
	if err := own.CreateSchema(ctx, Schema, generatedSchema(selfLayout)); err != nil {
		return err
	}
	if err := e.Plain.CreateSchema(ctx, generatedSchema(selfLayout)); err != nil {
		return err
	}
	return startHeddles(ctx, e)
}

// replicate puts servers in the backends' place that have a replica each, which reads go to.
func replicate(ctx context.Context, e *harness.Env) error {
	lab.servers = nil
	for _, name := range []string{"replicated_0", "replicated_1"} {
		c, err := e.StartReplicated(ctx, name, 1, append([]string{"--log-bin-trust-function-creators=1", "--binlog-format=MIXED"}, serverFlags...)...)
		if err != nil {
			return err
		}
		lab.servers, lab.replicas = append(lab.servers, c.Servers[0]), append(lab.replicas, c.Servers[1].Addr())
	}
	return nil
}

// withReplicas has a rule document name the replicas.
func withReplicas(rules string) string {
	for i, addr := range lab.replicas {
		own := "address: \"" + lab.backends[i] + "\""
		rules = strings.ReplaceAll(rules, own, own+", replicas: [\""+addr+"\"]")
	}
	if len(lab.replicas) > 0 {
		rules += "read_write_splitting: {max_lag: 0s}\n"
	}
	return rules
}

// listFile is the ratchet of that name for these servers: MySQL's differ from MariaDB's, and have lists of their own.
func listFile(name string) string {
	if lab.mysql {
		return name + "_mysql.txt"
	}
	return name + ".txt"
}

// startHeddles starts a process for each layout, unless HEDDLE_DIFFERENTIAL_SELF says that only the comparison itself
// is to be tested.
func startHeddles(ctx context.Context, e *harness.Env) error {
	if os.Getenv("HEDDLE_DIFFERENTIAL_SELF") != "" {
		return nil
	}
	for _, l := range Layouts {
		databases := []string{Schema, generatedSchema(l.Name)}
		var rules []string
		for _, database := range databases {
			rules = append(rules, withReplicas(l.Rules(database, lab.backends)))
		}
		for i, s := range lab.servers {
			if err := s.CreateSchema(ctx, l.Schemas(i, len(lab.backends), databases...)...); err != nil {
				return err
			}
		}
		h, err := e.SharedHeddle(ctx, harness.HeddleOptions{Rules: rules, Users: "users: {root: {}}\n",
			Set: map[string]string{"etcd.prefix": "/" + l.Name}}) // meshes of their own: they have the same XA names at the same time
		if err != nil {
			return fmt.Errorf("layout %s: %w", l.Name, err)
		}
		lab.heddles[l.Name] = h
	}
	return startPassThrough(ctx, e)
}

// startPassThrough starts heddle as a plain proxy of a server of its own.
func startPassThrough(ctx context.Context, e *harness.Env) error {
	server := e.Shards[3]
	if err := server.CreateSchema(ctx, Schema); err != nil {
		return err
	}
	rules := fmt.Sprintf("data_sources: {main: {address: \"%s\", user: root}}\n", server.Addr())
	h, err := e.SharedHeddle(ctx, harness.HeddleOptions{Rules: []string{rules}, Users: "users: {root: {}}\n"})
	if err != nil {
		return fmt.Errorf("pass-through: %w", err)
	}
	lab.heddles[passThrough] = h
	return nil
}

// layouts are those that this run compares.
func layouts() []string {
	list := []string{selfLayout}
	for _, l := range Layouts {
		if lab.heddles[l.Name] != nil {
			list = append(list, l.Name)
		}
	}
	return list
}

// side of a layout: heddle's, or the plain server that stands in for it.
func side(layout string) Side {
	if layout == selfLayout {
		return lab.self
	}
	return Side{Addr: lab.heddles[layout].Addr, Pool: lab.pool, MySQL: lab.mysql}
}

// generatedSchema is the database of a layout's generated statements: they run while the cases do.
func generatedSchema(layout string) string { return "gen_" + layout }
