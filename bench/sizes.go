package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/bench/meter"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/tests/harness"
)

// What Heddle holds in memory, and how long what happens once takes. Each figure is of a heddle of its own.
const (
	bigRows     = 1_000_000 // of 200 bytes
	connections = 10_000
	ruledTables = 10_000
	statements  = 100_000 // of different texts that no two share a plan
	starts      = 5       // with the rules for all these tables
)

// size is a figure of one run; of several measurements it is the median.
type size struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	Low   float64 `json:"low,omitempty"` // of several measurements
	High  float64 `json:"high,omitempty"`
}

func spread(name string, values []float64, unit string) size {
	s := meter.SpreadOf(values)
	return size{name, s.Median, unit, s.Low, s.High}
}

func one(name string, value float64, unit string) size {
	return size{Name: name, Value: value, Unit: unit}
}

// sizes measures them all with the first heddle of the options.
func (l *lab) sizes(ctx context.Context, o *options) ([]size, error) {
	path, err := filepath.Abs(o.heddles[0].path)
	if err == nil {
		err = os.Setenv("HEDDLE_TEST_BINARY", path) // the lab's own environment looks for it when the first is started
	}
	if err != nil {
		return nil, fmt.Errorf("find the heddle to measure: %w", err)
	}
	var all []size
	for _, measure := range []func(context.Context, *options) ([]size, error){l.bigResults, l.idleConnections, l.manyTables, l.manyStatements, l.longStatements} {
		some, err := measure(ctx, o)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// another starts one more heddle over the lab's server.
func (l *lab) another(ctx context.Context, rules ...string) (*watched, error) {
	admin, err := harness.FreeAddr()
	if err != nil {
		return nil, err
	}
	h, err := l.env.StartHeddle(ctx, harness.HeddleOptions{
		Rules: rules, Users: "users:\n  root: {}\n",
		Set: map[string]string{"pool.max": "64", "log.level": "warn", "admin.address": admin, "limits.max_connections": strconv.Itoa(connections + 100)},
	})
	return &watched{h, admin}, err
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
	out := []size{one("a million rows, direct: total", straight.total.Seconds(), "s"), one("a million rows, direct: first row", ms(straight.first), "ms")}
	for _, c := range [][2]string{{plainDatabase, "from one server"}, {shardedDatabase, "merged from four shards"}} {
		r, err := readBig(h.Addr, c[0], h.PID())
		if err != nil {
			return nil, err
		}
		what := "a million rows " + c[1] + ": "
		out = append(out, one(what+"total", r.total.Seconds(), "s"), one(what+"total ÷ direct", r.total.Seconds()/straight.total.Seconds(), ""),
			one(what+"first row", ms(r.first), "ms"), one(what+"peak above idle", r.peak, "MiB"))
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

// manyTables starts, several times, with rules for tables that the servers need not hold.
func (l *lab) manyTables(ctx context.Context, _ *options) ([]size, error) {
	var b strings.Builder
	b.WriteString(bigRules(l.env.Plain.Addr(), []string{"big_0", "big_1", "big_2", "big_3"}))
	for i := range ruledTables {
		fmt.Fprintf(&b, "  t%d: {key: id, generate: {column: id, type: snowflake}}\n", i)
	}
	var took, cpu, resident []float64
	for range starts {
		began := time.Now()
		h, err := l.another(ctx, b.String())
		if err != nil {
			return nil, err
		}
		c, err := firstQuery(h.Addr, shardedDatabase)
		first := time.Since(began)
		var used meter.Usage
		var rss float64
		if err == nil {
			c.close()
			used, err = meter.UsageOf(h.PID())
		}
		if err == nil {
			rss, err = memoryOf(h.PID(), "VmRSS")
		}
		if err = errors.Join(err, h.Close()); err != nil {
			return nil, err
		}
		took, cpu, resident = append(took, ms(first)), append(cpu, ms(used.CPU)), append(resident, rss)
	}
	const what = "10,000 tables in the rules: "
	return []size{
		spread(what+"start to first answer", took, "ms"), spread(what+"CPU until then", cpu, "ms"), spread(what+"resident", resident, "MiB"),
	}, nil
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
		value := strconv.FormatFloat(s.Value, 'f', 2, 64)
		if s.Low != s.High {
			value = meter.Spread{Median: s.Value, Low: s.Low, High: s.High}.Format("%.2f")
		}
		t.AppendRow([]any{s.Name, value, s.Unit})
	}
	fmt.Fprintln(w)
	t.Render()
}
