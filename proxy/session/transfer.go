package session

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/txn"
)

// transferBatch is how many bytes of rows go into one INSERT.
const transferBatch = 512 << 10

// runTransfer is an INSERT … SELECT that no shard can run by itself: its rows are read into memory, within the
// statement's budget, and stored by INSERTs of values of the same types. All of it is one transaction.
func (s *Session) runTransfer(ctx context.Context, x *execution, node *plan.Transfer) error {
	defer s.stopClock(x)()
	defer s.override("character_set_results", "utf8mb4")()
	own := s.txn == nil
	if own {
		defer s.ownTransaction(txn.Options{})()
	}
	t := &transfer{s: s, x: x, node: node, budget: s.queryBudget()}
	defer func() { t.budget.Release(t.reserved) }()
	w, err := t.run(ctx, own)
	if own {
		err = s.endOwn(ctx, err)
	}
	if err != nil {
		return err
	}
	return w.respond(ctx)
}

// transfer is one run of a plan.Transfer.
type transfer struct {
	s    *Session
	x    *execution
	node *plan.Transfer

	columns  []sqltypes.Column
	rows     [][]sqltypes.Value
	budget   *merge.Budget
	reserved int64
}

func (t *transfer) run(ctx context.Context, own bool) (*write, error) {
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	insertID, err := t.generate(ctx)
	if err != nil {
		return nil, err
	}
	route := *t.node.Write
	template := *route.Template
	template.Lists = []rewrite.List{{Separator: ", "}}
	route.Template = &template
	w := &write{s: t.s, x: t.x, route: &route, selected: true, generates: t.node.Generate != nil}
	w.info.add([]byte("Records: 0  Duplicates: 0  Warnings: 0"))
	if len(t.rows) == 0 {
		return w, nil
	}
	for _, row := range t.rows {
		template.Lists[0].Items = append(template.Lists[0].Items, []rewrite.Piece{{Op: rewrite.Text, Text: rowLiteral(row)}})
	}
	batches, err := t.batches(ctx, &route)
	if err != nil {
		return nil, err
	}
	if err := w.transfer(ctx, batches, own); err != nil {
		return nil, err
	}
	w.identify(insertID)
	return w, nil
}

// read reads the rows. FLOAT is exact in the binary protocol only, in which everything is therefore read.
func (t *transfer) read(ctx context.Context) error {
	_, restore := t.s.selectLimit(t.x) // which does not limit what INSERT … SELECT reads
	defer restore()
	defer t.s.widenGroupConcat(t.node.Input)()
	binary := *t.x
	binary.form = exec.BinaryRows
	tr := &tree{s: t.s, x: &binary, budget: t.budget}
	defer tr.release()
	opts := tr.options()
	opts.WholeDoubles = true // the rows are stored, not shown
	in, err := merge.Build(t.node.Input, tr.leavesOf(ctx), opts)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // read to its end, or the error that stopped it is reported
	t.columns = in.Columns()
	if len(t.columns) != t.node.Columns {
		return sqlerr.WrongValueCount(1)
	}
	for {
		row, err := in.Next(ctx)
		if isEOF(err) {
			break
		}
		if err != nil {
			return err
		}
		if err := t.keep(row); err != nil {
			return err
		}
	}
	tr.end(ctx) // takes note of the shards' warnings
	return t.strictly()
}

// strictly makes an error of what reading has warned of where strict mode does: on one server the statement that warns is
// the INSERT.
func (t *transfer) strictly() error {
	c := t.x.st.parsed.Clauses
	if !t.s.strict() || c != nil && c.Ignore {
		return nil
	}
	return t.s.strictly(0, "INSERT … SELECT over several shards of rows whose reading causes warnings, in strict mode")
}

// keep makes values of a row.
func (t *transfer) keep(row sqltypes.Row) error {
	values := make([]sqltypes.Value, len(row), len(row)+1)
	size := int64(24)
	for i, cell := range row {
		v, err := t.value(cell, i)
		if err != nil {
			return err
		}
		values[i] = v
		size += int64(4*len(cell) + 48) // the value and, later, its literal
	}
	if err := t.budget.Reserve("the rows of an INSERT … SELECT", size); err != nil {
		return err
	}
	t.reserved += size
	t.rows = append(t.rows, values)
	return nil
}

// value is a cell as a value of the same type, so that a column converts it as it would the cell.
func (t *transfer) value(cell []byte, i int) (sqltypes.Value, error) {
	c := &t.columns[i]
	if cell == nil {
		return sqltypes.NullValue, nil
	}
	member := c.Type == sqltypes.Enum || c.Type == sqltypes.Set || c.Flags&(sqltypes.FlagEnum|sqltypes.FlagSet) != 0
	if t.node.Numeric[i] && (member || c.Collation == sqltypes.CollationBinary && byteString(c.Type)) {
		return sqltypes.Value{}, sqlerr.NotSupported("INSERT … SELECT of an ENUM, a SET or a byte string into a column of numbers over several shards")
	}
	if len(cell) == 0 && (c.Type == sqltypes.Enum || c.Flags&sqltypes.FlagEnum != 0) {
		return sqltypes.Value{}, sqlerr.NotSupported("INSERT … SELECT of an ENUM's '' over several shards: it may be the value that is no member")
	}
	switch {
	case t.node.Divides && c.Type.IsDecimal() && t.node.Numeric[i]:
		return sqltypes.Value{}, sqlerr.NotSupported("INSERT … SELECT of a quotient over several shards: a server stores more of its digits than it shows")
	case c.Type == sqltypes.Float && !t.node.Numeric[i]:
		return sqltypes.Value{}, sqlerr.NotSupported("INSERT … SELECT of a FLOAT into a column of text over several shards: a server writes fewer of its digits than it has")
	case c.Type == sqltypes.Float:
		f, err := strconv.ParseFloat(string(cell), 32)
		return sqltypes.Value{Kind: sqltypes.KindDouble, Bytes: strconv.AppendFloat(nil, f, 'e', -1, 64)}, err
	case c.Type.IsTemporal() && !t.node.Numeric[i] && strings.Trim(string(cell), "0:-. ") == "" && c.Type != sqltypes.Time:
		return sqltypes.StringValue(string(cell)), nil // no literal of its type says it in every sql_mode
	}
	return onceValue(cell, c)
}

// byteString reports whether a type with the binary collation is one of byte strings.
func byteString(t sqltypes.Type) bool {
	return !t.IsInteger() && !t.IsDecimal() && !t.IsFloat() && !t.IsTemporal() && t != sqltypes.Bit && t != sqltypes.Null
}

// generate fills in the ids of rows that have none, as Session.generate does for rows of the text.
func (t *transfer) generate(ctx context.Context) (insertID uint64, err error) {
	g := t.node.Generate
	if g == nil || len(t.rows) == 0 {
		return 0, nil
	}
	at := t.node.GenerateAt
	if at < 0 {
		at = t.node.Columns
	}
	var missing []int
	var given keygen.Given
	for i := range t.rows {
		if at == t.node.Columns {
			t.rows[i] = append(t.rows[i], sqltypes.NullValue)
		}
		if v := t.rows[i][at]; asksForID(v, g.ZeroIsValue) {
			missing = append(missing, i)
			continue
		} else if id, err := strconv.ParseUint(string(v.AppendText(nil)), 10, 64); err == nil {
			insertID = id
		}
		include(&given, reach(t.rows[i][at]))
		if err := t.x.gives(g, i, len(t.rows), t.rows[i][at]); err != nil {
			return 0, err
		}
	}
	if err := t.s.countsAlone(len(missing)); err != nil {
		return 0, err
	}
	batch, err := t.x.nextIDs(ctx, g, given, len(missing))
	if err != nil || len(missing) == 0 {
		return insertID, err
	}
	for n, row := range missing {
		t.rows[row][at] = batch.Value(n)
	}
	if !batch.Integer() {
		return 0, nil
	}
	t.x.generatedID = batch.First
	return batch.First, nil
}

// batches are the units that store the rows: of a sharded table each row goes to the shard of its key. A target's rows
// keep their order.
func (t *transfer) batches(ctx context.Context, route *plan.Route) ([]plan.RouteUnit, error) {
	nodes, err := t.nodes(ctx, route)
	if err != nil {
		return nil, err
	}
	var out []plan.RouteUnit
	last, size := map[int]int{}, map[int]int{} // by target: its last unit and the bytes in it
	for i, node := range nodes {
		n := len(route.Template.Lists[0].Items[i][0].Text) + 2
		if at, ok := last[node]; ok && size[node]+n <= transferBatch {
			out[at].Keep[0] = append(out[at].Keep[0], int32(i))
			size[node] += n
			continue
		}
		last[node], size[node] = len(out), n
		out = append(out, plan.RouteUnit{Index: node, Target: &route.Targets[node], Keep: [][]int32{{int32(i)}}})
	}
	slices.SortStableFunc(out, func(a, b plan.RouteUnit) int { return a.Index - b.Index })
	return out, nil
}

// nodes says for each row to which target it goes.
func (t *transfer) nodes(ctx context.Context, route *plan.Route) ([]int, error) {
	nodes := make([]int, len(t.rows))
	if t.node.Key == nil {
		return nodes, nil
	}
	var unknown []int
	var items [][]rewrite.Piece
	for i := range t.rows {
		key := t.key(i)
		node, err := t.s.router.Place(ctx, route, key)
		if _, ok := errors.AsType[*router.KeyUnknown](err); ok {
			unknown = append(unknown, i)
			literal := "(" + strconv.Itoa(len(items)) + ", " + rowLiteral(key)[1:]
			items = append(items, []rewrite.Piece{{Op: rewrite.Text, Text: literal}})
			continue
		}
		if err != nil {
			return nil, err
		}
		nodes[i] = node
	}
	if unknown == nil {
		return nodes, nil
	}
	answers, err := t.s.askStored(ctx, t.x, route, t.node.Stored, items)
	if err != nil {
		return nil, err
	}
	for n, i := range unknown {
		width := len(t.node.Key)
		node, err := t.s.router.Place(ctx, route, answers[n*width:(n+1)*width])
		if err != nil {
			return nil, sqlerr.NotSupported("a row whose sharding key cannot be told in an INSERT … SELECT")
		}
		nodes[i] = node
	}
	return nodes, nil
}

// key are the values of a row's sharding key.
func (t *transfer) key(row int) []sqltypes.Value {
	key := make([]sqltypes.Value, len(t.node.Key))
	for k, at := range t.node.Key {
		if at < 0 {
			at = t.node.Columns // the generated value, behind the others
		}
		key[k] = t.rows[row][at]
	}
	return key
}

// rowLiteral writes a row as VALUES takes it.
func rowLiteral(row []sqltypes.Value) string {
	b := []byte{'('}
	for i, v := range row {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = v.AppendSQL(b)
	}
	return string(append(b, ')'))
}

// transfer runs the batches, or none of them has any effect.
func (w *write) transfer(ctx context.Context, batches []plan.RouteUnit, own bool) error {
	if w.route.Opcode == plan.Broadcast {
		return w.transferCopies(ctx, batches, own)
	}
	w.units = batches
	if w.route.Once.AutoIncrement {
		w.x.need |= backend.NeedLastInsertID
		w.asks, w.generates = true, true
	}
	if own {
		return w.execute(ctx) // the transaction is the caller's
	}
	return w.atomically(ctx, false)
}

// transferCopies stores the batches on every copy of a broadcast table, each on the first copy first.
func (w *write) transferCopies(ctx context.Context, batches []plan.RouteUnit, own bool) error {
	all := make([]plan.RouteUnit, len(w.route.Targets))
	for i := range all {
		all[i] = plan.RouteUnit{Index: i, Target: &w.route.Targets[i]}
	}
	w.units = all
	if err := w.undoable(); err != nil {
		return err
	}
	if !own {
		if err := w.savepoint(ctx); err != nil {
			return err
		}
	}
	for _, batch := range batches {
		w.units = slices.Clone(all)
		for i := range w.units {
			w.units[i].Keep = batch.Keep
		}
		if err := w.broadcast(ctx); err != nil {
			if !own && w.s.txn != nil {
				w.undo(ctx)
			}
			return err
		}
	}
	return nil
}
