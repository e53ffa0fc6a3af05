package session

import (
	"context"
	"slices"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/txn"
)

// runGather runs a statement in parts. Outside of a transaction it has one of its own, so that all parts see one
// snapshot of each shard and stay on the connections that hold the temporary tables.
func (s *Session) runGather(ctx context.Context, x *execution, n *plan.Gather) error {
	if changesRows[x.st.parsed.Kind] {
		return s.runGatherWrite(ctx, x, n)
	}
	if x.st.parsed.Kind == parser.CreateTemporaryTable {
		return s.runGatherCreate(ctx, x, n)
	}
	run := func() error { return s.runTree(ctx, x, n) }
	if assigns(x.st.parsed) {
		run = func() error { return s.runAssigning(ctx, x, n) }
	}
	if s.txn == nil {
		return s.inReading(ctx, run)
	}
	if !s.mayWrite() {
		return inReadOnly()
	}
	return run()
}

// inReadOnly refuses what servers make no temporary table for.
func inReadOnly() error {
	return sqlerr.PartsReadOnly()
}

// inReading runs a query in a transaction of its own.
func (s *Session) inReading(ctx context.Context, run func() error) error {
	defer s.ownTransaction(txn.Options{Isolation: "REPEATABLE READ", ReadWrite: true})()
	s.txn = txn.New(s.txn.Options()) // there is nothing to commit
	s.unseen = true
	defer func() { s.unseen = false }()
	err := run()
	if s.txn != nil {
		_ = s.txn.Rollback(ctx) // it has only read; a branch that cannot is broken, and its connection dropped
		s.endTransaction()
	}
	return err
}

// runGatherWrite is a write some of whose queries are run first. All of it is one transaction: what the queries have read is
// locked until the rows have changed.
func (s *Session) runGatherWrite(ctx context.Context, x *execution, n *plan.Gather) error {
	if !s.mayWrite() {
		return sqlerr.ReadOnlyTransaction()
	}
	if keys, ok := n.Input.(*plan.ByKey); ok {
		return s.runByKey(ctx, x, keys, n)
	}
	route := plan.Leaf(n.Input)
	insertID, err := s.generate(ctx, x, route.Rows)
	if err != nil {
		return err
	}
	defer s.stopClock(x)()
	own := s.txn == nil
	if own {
		defer s.ownTransaction(txn.Options{})()
	}
	w := &write{s: s, x: x, route: route}
	err = w.gathered(ctx, n, own)
	if own {
		err = s.endOwn(ctx, err)
	}
	if err != nil {
		if len(w.units) > 0 {
			s.saidInVain(ctx, x.st.parsed, s.find(w.units[0].Target.DataSource))
		}
		return err
	}
	w.identify(insertID)
	return w.respond(ctx)
}

// gathered runs the parts of a write, and then the write.
func (w *write) gathered(ctx context.Context, n *plan.Gather, own bool) error {
	return w.s.besideParts(ctx, w.x, n, func() (err error) {
		if w.units, err = w.s.router.Route(ctx, w.route, w.x.args); err != nil {
			return err
		}
		if err := w.x.spread(len(w.units)); err != nil {
			return err
		}
		return w.inTransaction(ctx, own)
	})
}

// besideParts runs the parts of a write, and then the write, while their rows are in temporary tables.
func (s *Session) besideParts(ctx context.Context, x *execution, n *plan.Gather, write func() error) error {
	_, restore := s.selectLimit(x) // which does not limit what a write reads
	defer restore()
	t := &tree{s: s, x: x, budget: s.queryBudget(), began: time.Now()}
	defer t.release()
	defer t.dropTemporary(ctx)
	if err := t.runParts(ctx, n); err != nil {
		return err
	}
	t.measured()
	return write()
}

// temporaryTable is one that a statement has made on a connection.
type temporaryTable struct {
	h    *held
	name string // with its schema, quoted
}

// gather runs the parts of a statement, puts their rows into temporary tables wherever the rest of it goes, and runs
// that.
func (t *tree) gather(ctx context.Context, n *plan.Gather) ([]merge.RowStream, error) {
	if err := t.runParts(ctx, n); err != nil {
		return nil, err
	}
	if err := t.settleDoubts(ctx, n); err != nil {
		return nil, err
	}
	defer t.s.widenGroupConcat(n.Input)()
	in, err := merge.Build(n.Input, t.leavesOf(ctx), t.options())
	if err != nil {
		return nil, err
	}
	return []merge.RowStream{in}, nil
}

// runParts is gather without the rest.
func (t *tree) runParts(ctx context.Context, n *plan.Gather) error {
	t.parts = true
	defer t.s.unconverted()()
	if err := t.holdAll(ctx, n); err != nil {
		return err
	}
	rows := make([]*collected, len(n.Parts))
	for i := range n.Parts {
		part, err := t.part(ctx, &n.Parts[i])
		if err != nil {
			return err
		}
		if err := t.inTime(); err != nil {
			return err
		}
		rows[i] = part
	}
	targets, err := t.reached(ctx, n.Input)
	if err != nil {
		return err
	}
	for i := range n.Parts {
		if err := t.spread(ctx, n, &n.Parts[i], targets, rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// part runs one part to its end, and hears its warnings before other statements replace them.
func (t *tree) part(ctx context.Context, part *plan.GatheredPart) (*collected, error) {
	defer t.s.widenGroupConcat(part.Node)()
	if part.Binary {
		whole, binary := t.x, *t.x
		binary.form = exec.BinaryRows
		t.x = &binary
		defer func() { t.x = whole }()
	}
	kept, _ := t.s.diag.mark()
	rows, err := t.collect(ctx, part.Node)
	if err != nil {
		return nil, err
	}
	if t.heard(ctx); part.Strict && t.s.strict() {
		err = t.s.strictly(kept, "a query in a write over several shards that causes warnings, in strict mode")
	}
	return rows, err
}

// holdAll takes the connections of all parts in one order, so that two statements never wait for each other's.
func (t *tree) holdAll(ctx context.Context, n *plan.Gather) error {
	targets, err := t.reached(ctx, n)
	if err != nil {
		return err
	}
	for _, target := range targets {
		if h, err := t.s.hold(ctx, target.DataSource, target.Schema, t.x.need); err != nil {
			return t.s.failed(ctx, h, n.Place, &target, err)
		}
	}
	return nil
}

// reached lists where a node's statements run, each schema of each data source once, in one order for all statements.
func (t *tree) reached(ctx context.Context, node plan.Node) ([]plan.Target, error) {
	var out []plan.Target
	add := func(at *plan.Target) {
		if !slices.ContainsFunc(out, func(o plan.Target) bool { return samePlace(&o, at) }) {
			out = append(out, *at)
		}
	}
	var walk func(node plan.Node) error
	walk = func(node plan.Node) error {
		switch n := node.(type) {
		case *plan.Route:
			units, err := t.s.router.Route(ctx, n, t.x.args)
			if err != nil {
				return err
			}
			for i := range units {
				add(units[i].Target)
			}
		case *plan.Residual:
			add(&n.Target)
		case *plan.Gather:
			add(&n.Place.Targets[0])
		}
		for _, child := range plan.Children(node) {
			if err := walk(child); err != nil {
				return err
			}
		}
		return nil
	}
	err := walk(node)
	slices.SortStableFunc(out, func(a, b plan.Target) int {
		if a.DataSource != b.DataSource {
			return map[bool]int{true: -1, false: 1}[a.DataSource < b.DataSource]
		}
		return 0
	})
	return out, err
}

func samePlace(a, b *plan.Target) bool { return a.DataSource == b.DataSource && a.Schema == b.Schema }

// spread makes the temporary table of a part on all targets and fills it.
func (t *tree) spread(ctx context.Context, n *plan.Gather, part *plan.GatheredPart, targets []plan.Target, rows *collected) error {
	place := &n.Place.Targets[0]
	home, err := t.create(ctx, n, place, part.Name, func() (string, error) {
		inlined := *t.x
		inlined.form, inlined.args = exec.TextRows, t.x.args.inlined(t.s.clientCharset())
		shape, _, err := t.s.sql(&inlined, part.Shape, &plan.RouteUnit{Target: place})
		return "`" + part.Name + "` " + string(shape), err
	})
	if err != nil {
		return err
	}
	definition := ""
	for i := range targets {
		target := &targets[i]
		h := home
		if !samePlace(target, place) {
			if definition == "" {
				if definition, err = t.definition(ctx, home, place, part.Name); err != nil {
					return err
				}
			}
			if h, err = t.create(ctx, n, target, part.Name, func() (string, error) { return definition, nil }); err != nil {
				return err
			}
		} else if h, err = t.s.hold(ctx, place.DataSource, place.Schema, t.x.need); err != nil {
			return err
		}
		if err := t.fill(ctx, h, part.Name, rows); err != nil {
			return t.s.failed(ctx, h, n.Place, target, err)
		}
	}
	return nil
}

// create makes a temporary table on a target's connection, in the target's schema.
func (t *tree) create(ctx context.Context, n *plan.Gather, target *plan.Target, name string, body func() (string, error)) (*held, error) {
	text, err := body()
	if err != nil {
		return nil, err
	}
	h, err := t.s.hold(ctx, target.DataSource, target.Schema, t.x.need)
	if err != nil {
		return nil, err
	}
	verb := "CREATE TEMPORARY TABLE "
	h.lease.Taint("a temporary table")
	// What a statement that failed has left in an open transaction is not in the way.
	if t.s.srv.Flavour.MariaDB {
		verb = "SET STATEMENT sql_mode='' FOR CREATE OR REPLACE TEMPORARY TABLE "
	} else if err := h.Exec(ctx, "DROP TEMPORARY TABLE IF EXISTS `"+target.Schema+"`.`"+name+"`"); err != nil {
		return nil, t.s.failed(ctx, h, n.Place, target, err)
	}
	err = h.Exec(ctx, verb+text)
	if e := sqlerr.As(err); e != nil && e.Code == codeColumnName {
		return nil, sqlerr.NotSupported("a column without an alias whose label is too long for a name, in a query inside another over several shards")
	}
	if err != nil {
		return nil, t.s.failed(ctx, h, n.Place, target, err)
	}
	t.temporary = append(t.temporary, temporaryTable{h, "`" + target.Schema + "`.`" + name + "`"})
	return h, nil
}

const codeColumnName = 1166 // ER_WRONG_COLUMN_NAME

// definition is what CREATE TABLE needs to make the same table elsewhere.
func (t *tree) definition(ctx context.Context, h *held, place *plan.Target, name string) (string, error) {
	const verb = "CREATE TEMPORARY TABLE "
	sql := "SHOW CREATE TABLE `" + place.Schema + "`.`" + name + "`"
	if t.s.srv.Flavour.MariaDB {
		sql = "SET STATEMENT sql_mode='' FOR " + sql
	}
	_, rows, err := h.lease.Conn().QueryRows(ctx, sql)
	if err != nil {
		return "", err
	}
	return string(rows[0][1][len(verb):]), nil
}

// dropTemporary drops the temporary tables; a connection that cannot is closed when it is given back.
func (t *tree) dropTemporary(ctx context.Context) {
	kept := map[*held]bool{}
	for _, table := range t.temporary {
		if err := table.h.Exec(ctx, "DROP TEMPORARY TABLE "+table.name); err != nil {
			kept[table.h] = true
		}
	}
	for _, table := range t.temporary {
		if !kept[table.h] {
			table.h.lease.Taint("")
		}
	}
	t.temporary = nil
}
