package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// What Heddle holds in memory, and how long what happens once takes. Each figure is of a heddle of its own.
const (
	bigRows     = 1_000_000 // of 200 bytes
	connections = 10_000
	ruledTables = 10_000
	statements  = 100_000 // of different texts that no two share a plan
)

// size is a figure of one run.
type size struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// sizes measures them all with the first heddle of the options.
func (l *lab) sizes(ctx context.Context, o *options) ([]size, error) {
	var all []size
	for _, measure := range []func(context.Context, *options) ([]size, error){l.bigResults, l.idleConnections, l.manyTables, l.manyStatements} {
		some, err := measure(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// another starts one more heddle over the lab's server.
func (l *lab) another(ctx context.Context, rules ...string) (*harness.Heddle, error) {
	return l.env.StartHeddle(ctx, harness.HeddleOptions{
		Rules: rules, Users: "users:\n  root: {}\n",
		Set: map[string]string{"pool.max": "64", "log.level": "warn", "limits.max_connections": strconv.Itoa(connections + 100)},
	})
}

// bigResults reads a million rows: of the server itself, of one data source, and merged in order from four shards.
func (l *lab) bigResults(ctx context.Context, _ *options) (_ []size, err error) {
	server := l.env.Plain
	shards := [4]string{"big_0", "big_1", "big_2", "big_3"}
	if err := server.CreateSchema(ctx, shards[:]...); err != nil {
		return nil, err
	}
	admin, err := connect(server.Addr(), plainDatabase, wire.NewPool(0))
	if err != nil {
		return nil, err
	}
	defer admin.close()
	const table = "CREATE TABLE %s.big (id INT NOT NULL PRIMARY KEY, c CHAR(200) CHARACTER SET latin1 NOT NULL)"
	const fill = "INSERT INTO %s.big SELECT seq, REPEAT('x', 200) FROM seq_1_to_%d WHERE seq %% %d = %d"
	places := append([]string{plainDatabase}, shards[:]...)
	for i, schema := range places {
		divisor, rest := 1, 0
		if i > 0 { // which shard a row is on does not matter to who reads them all
			divisor, rest = len(shards), i-1
		}
		for _, sql := range []string{fmt.Sprintf(table, schema), fmt.Sprintf(fill, schema, bigRows, divisor, rest)} {
			if err := admin.command(sql); err != nil {
				return nil, fmt.Errorf("fill %s.big: %w", schema, err)
			}
		}
	}
	h, err := l.another(ctx, plainRules(server.Addr()), bigRules(server.Addr(), shards[:]))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	straight, err := readBig(server.Addr(), plainDatabase, 0)
	if err != nil {
		return nil, err
	}
	out := []size{{"a million rows, direct: total", straight.total.Seconds(), "s"}, {"a million rows, direct: first row", ms(straight.first), "ms"}}
	for _, c := range [][2]string{{plainDatabase, "from one server"}, {shardedDatabase, "merged from four shards"}} {
		r, err := readBig(h.Addr, c[0], h.PID())
		if err != nil {
			return nil, err
		}
		what := "a million rows " + c[1] + ": "
		out = append(out, size{what + "total", r.total.Seconds(), "s"}, size{what + "total ÷ direct", r.total.Seconds() / straight.total.Seconds(), ""},
			size{what + "first row", ms(r.first), "ms"}, size{what + "peak above idle", r.peak, "MiB"})
	}
	return out, nil
}

func bigRules(server string, schemas []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "database: %s\ndefaults: {user: root}\ndata_sources:\n", shardedDatabase)
	slots := 16384 / len(schemas)
	var placed []string
	for i, schema := range schemas {
		fmt.Fprintf(&b, "  ds_%d: {address: \"%s\", schema: %s}\n", i, server, schema)
		placed = append(placed, fmt.Sprintf("ds_%d: %d-%d", i, i*slots, (i+1)*slots-1))
	}
	fmt.Fprintf(&b, "slots: {%s}\ntables:\n  big: {key: id}\n", strings.Join(placed, ", "))
	return b.String()
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1e3 }

// bigRead is how long a million rows took; peak is in MiB, of the process that was watched.
type bigRead struct {
	first, total time.Duration
	peak         float64
}

// readBig reads them, after a smaller answer of the same plan; pid 0: nobody is watched.
func readBig(addr, database string, pid int) (bigRead, error) {
	c, err := connect(addr, database, wire.NewPool(0))
	if err != nil {
		return bigRead{}, err
	}
	defer c.close()
	some, all := newStatement("SELECT id, c FROM big WHERE id < ? ORDER BY id"), newStatement("SELECT id, c FROM big ORDER BY id")
	if _, err := c.run(text, some, integer(10)); err != nil {
		return bigRead{}, err
	}
	var idle float64
	if pid != 0 {
		if err := forgetPeak(pid); err != nil {
			return bigRead{}, err
		}
		if idle, err = memoryOf(pid, "VmRSS"); err != nil {
			return bigRead{}, err
		}
	}
	var r bigRead
	began := time.Now()
	c.onRow = func() { r.first, c.onRow = time.Since(began), nil }
	rows, err := c.run(text, all)
	r.total = time.Since(began)
	if err == nil && rows != bigRows {
		err = fmt.Errorf("%d rows of %d", rows, bigRows)
	}
	if err == nil && pid != 0 {
		r.peak, err = memoryOf(pid, "VmHWM")
		r.peak -= idle
	}
	return r, err
}

// idleConnections opens many connections that do nothing, and then opens and closes as many again.
func (l *lab) idleConnections(ctx context.Context, _ *options) (_ []size, err error) {
	h, err := l.another(ctx, plainRules(l.env.Plain.Addr()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	first, err := firstQuery(h.Addr, plainDatabase)
	if err != nil {
		return nil, err
	}
	defer first.close()
	before, err := memoryOf(h.PID(), "VmRSS")
	if err != nil {
		return nil, err
	}
	began := time.Now()
	clients, err := openMany(h.Addr)
	took := time.Since(began)
	held, heldErr := memoryOf(h.PID(), "VmRSS")
	for _, c := range clients {
		c.close()
	}
	if err = errors.Join(err, heldErr); err != nil {
		return nil, err
	}
	if clients, err = openMany(h.Addr); err != nil {
		return nil, err
	}
	for _, c := range clients {
		c.close()
	}
	again, err := openMany(h.Addr)
	if err != nil {
		return nil, err
	}
	third, err := memoryOf(h.PID(), "VmRSS")
	for _, c := range again {
		c.close()
	}
	return []size{
		{"10,000 idle connections", held - before, "MiB"}, {"the third 10,000 connections", third - before, "MiB"},
		{"a connect with login, eight at a time", ms(took) / connections, "ms"},
	}, err
}

// openMany opens connections that have run nothing.
func openMany(addr string) ([]*client, error) {
	clients := make([]*client, connections)
	buffers := wire.NewPool(0)
	var g errgroup.Group
	g.SetLimit(8)
	for i := range clients {
		g.Go(func() (err error) {
			clients[i], err = connect(addr, plainDatabase, buffers)
			return err
		})
	}
	err := g.Wait()
	var open []*client
	for _, c := range clients {
		if c != nil {
			open = append(open, c)
		}
	}
	return open, err
}

// manyTables starts with rules for tables that the servers need not hold.
func (l *lab) manyTables(ctx context.Context, _ *options) (_ []size, err error) {
	var b strings.Builder
	b.WriteString(bigRules(l.env.Plain.Addr(), []string{"big_0", "big_1", "big_2", "big_3"}))
	for i := range ruledTables {
		fmt.Fprintf(&b, "  t%d: {key: id, generate: {column: id, type: snowflake}}\n", i)
	}
	began := time.Now()
	h, err := l.another(ctx, b.String())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	c, err := firstQuery(h.Addr, shardedDatabase)
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	c.close()
	rss, err := memoryOf(h.PID(), "VmRSS")
	return []size{{"10,000 tables in the rules: start to first answer", ms(took), "ms"}, {"10,000 tables in the rules: resident", rss, "MiB"}}, err
}

// firstQuery connects and asks for a constant.
func firstQuery(addr, database string) (*client, error) {
	c, err := connect(addr, database, wire.NewPool(0))
	if err != nil {
		return nil, err
	}
	if _, err := c.run(text, newStatement("SELECT 1")); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// manyStatements fills the plan cache with what is asked once.
func (l *lab) manyStatements(ctx context.Context, _ *options) (_ []size, err error) {
	h, err := l.another(ctx, plainRules(l.env.Plain.Addr()))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	c, err := firstQuery(h.Addr, plainDatabase)
	if err != nil {
		return nil, err
	}
	defer c.close()
	before, err := memoryOf(h.PID(), "VmRSS")
	if err != nil {
		return nil, err
	}
	began := time.Now()
	for i := range statements {
		if _, err := c.run(text, newStatement(fmt.Sprintf("SELECT c AS c%d FROM sbtest1 WHERE id = 1", i))); err != nil {
			return nil, err
		}
	}
	took := time.Since(began)
	after, err := memoryOf(h.PID(), "VmRSS")
	return []size{{"100,000 different statements", after - before, "MiB"}, {"a statement that is planned anew", ms(took) * 1e3 / statements, "µs"}}, err
}

// memoryOf reads a line of /proc/PID/status, MiB: VmRSS is what is resident, VmHWM the most since forgetPeak.
func memoryOf(pid int, line string) (float64, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, fmt.Errorf("read the memory of process %d: %w", pid, err)
	}
	for l := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(l, line+":"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s among what is known of process %d", line, pid)
}

// forgetPeak begins a new peak. Source: proc(5), clear_refs.
func forgetPeak(pid int) error {
	if err := os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte("5"), 0); err != nil {
		return fmt.Errorf("forget the memory peak of process %d: %w", pid, err)
	}
	return nil
}

func printSizes(w io.Writer, all []size) {
	if len(all) == 0 {
		return
	}
	t := newTable(w)
	for _, s := range all {
		t.AppendRow([]any{s.Name, strconv.FormatFloat(s.Value, 'f', 2, 64), s.Unit})
	}
	fmt.Fprintln(w)
	t.Render()
}
