package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/proxy/wire"
)

// usual is how many statements are asked again and again, in turns with those that are asked once.
const usual = 1000

// manyStatements fills the plan cache with what is asked once, and then mixes that with what is asked again and again.
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
	ask := func(name string, i int) error {
		_, err := c.run(text, newStatement(fmt.Sprintf("SELECT c AS %s%d FROM sbtest1 WHERE id = 1", name, i)))
		return err
	}
	began := time.Now()
	for i := range statements {
		if err := ask("c", i); err != nil {
			return nil, err
		}
	}
	took := time.Since(began)
	after, err := memoryOf(h.PID(), "VmRSS")
	if err != nil {
		return nil, err
	}
	figures := func() ([]float64, error) {
		return h.metrics(ctx, "heddle_plan_cache_hits_total", "heddle_plan_cache_misses_total", "heddle_plan_cache_bytes", "heddle_plan_cache_capacity_bytes")
	}
	started, err := figures()
	if err != nil {
		return nil, err
	}
	for i := range statements {
		if err := errors.Join(ask("once", i), ask("usual", i%usual)); err != nil {
			return nil, err
		}
	}
	ended, err := figures()
	if err != nil {
		return nil, err
	}
	// All but the first asking of each of the usual ones can hit.
	hits, misses := ended[0]-started[0], ended[1]-started[1]
	const mix = "100,000 statements asked once among 1,000 asked 100 times: "
	return []size{
		one("100,000 different statements", after-before, "MiB"), one("a statement that is planned anew", ms(took)*1e3/statements, "µs"),
		one("plans kept", started[2]/(1<<20), "MiB"), one("plan_cache.size", started[3]/(1<<20), "MiB"),
		one(mix+"hits", hits, ""), one(mix+"misses", misses, ""), one(mix+"hits of those that can", hits/(statements-usual), ""), one(mix+"plans kept", ended[2]/(1<<20), "MiB"),
	}, nil
}

// longStatements sends texts that are long for the first time and then again, each to a heddle over four shards that has not seen it. What the first
// takes more is parsing, planning, and what the planner asks servers.
func (l *lab) longStatements(ctx context.Context, _ *options) (_ []size, err error) {
	server := l.env.Plain
	shards := []string{"long_0", "long_1", "long_2", "long_3"}
	if err := server.CreateSchema(ctx, shards...); err != nil {
		return nil, err
	}
	rules := strings.ReplaceAll(bigRules(server.Addr(), shards), "  big: {key: id}", "  t: {key: id}")
	var terms, list, branches strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&terms, " AND a <> %d", i+1)
		fmt.Fprintf(&list, ", %d", i+1)
	}
	for i := range 99 {
		fmt.Fprintf(&branches, " UNION ALL SELECT a FROM t WHERE id = %d", i+1)
	}
	var out []size
	for _, long := range []struct{ name, sql string }{
		{"64 KiB of OR terms", "SELECT a FROM t WHERE id = 1" + strings.Repeat(" OR a = 1", (64<<10)/len(" OR a = 1"))},
		{"10,000 AND terms", "SELECT a FROM t WHERE id = 1" + terms.String()},
		{"an IN list of 10,000", "SELECT a FROM t WHERE id IN (0" + list.String() + ")"},
		{"100 branches of UNION ALL", "SELECT a FROM t WHERE id = 0" + branches.String()},
	} {
		some, err := l.longStatement(ctx, rules, long.name, long.sql)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// longStatement measures one, several times; beside it what the server needs that has it alone.
func (l *lab) longStatement(ctx context.Context, rules, name, sql string) ([]size, error) {
	var firsts, agains, more []float64
	alone, err := askTwice(l.env.Plain.Addr(), plainDatabase, sql)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for range starts {
		h, err := l.another(ctx, rules)
		if err != nil {
			return nil, err
		}
		took, err := askTwice(h.Addr, shardedDatabase, sql)
		if err = errors.Join(err, h.Close()); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		firsts, agains, more = append(firsts, ms(took[0])), append(agains, ms(took[1])), append(more, ms(took[0]-took[1]))
	}
	return []size{spread(name+": the first time", firsts, "ms"), spread(name+": again", agains, "ms"), spread(name+": the first time more", more, "ms"),
		one(name+": the server itself, again", ms(alone[1]), "ms")}, nil
}

// askTwice makes the table, unless it is there, and asks for no row by a statement.
func askTwice(addr, database, sql string) (took [2]time.Duration, err error) {
	c, err := connect(addr, database, wire.NewPool(0))
	if err != nil {
		return took, err
	}
	defer c.close()
	if err := c.command("CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, a INT)"); err != nil {
		return took, err
	}
	if _, err := c.run(text, newStatement("SELECT a FROM t ORDER BY id")); err != nil { // connections and the table's columns are there
		return took, err
	}
	long := newStatement(sql)
	for i := range took {
		began := time.Now()
		if _, err := c.run(text, long); err != nil {
			return took, err
		}
		took[i] = time.Since(began)
	}
	return took, nil
}
