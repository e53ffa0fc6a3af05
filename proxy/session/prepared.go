package session

import (
	"bytes"
	"context"
	"time"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
)

// prepared is a statement of COM_STMT_PREPARE. It belongs to the session, not to a connection: each connection that
// runs it prepares it for itself, once.
type prepared struct {
	id     uint32
	text   []byte
	scan   parser.Scan // of text: where its arguments are
	st     *Statement
	db     string // the default database that it was prepared in
	mode   parser.Mode
	key    []byte // keyPrefix at that time
	hinted string // Session.hinted of st
	params int
	// warnings is how many the preparation has given, which are the session's then.
	warnings uint16
	types    []wire.ParamType // as the client last declared them
	values   []sqltypes.Value // of the execution under way, as they alias its packet
	long     map[uint16][]byte
	held     int64         // bytes of the budget, for long
	failed   *sqlerr.Error // why long is not what the client has sent
	bytes    int64         // of the budget, for the rest
	kept     *Statement    // that is charged; nil: none
	cursor   *cursor
	caller   caller  // of the preparation, for executions that name none
	labels   []label // of SQL's PREPARE: see execution.labels
	numbers  []bool  // by parameter: a MySQL server has taken it for a number when it prepared the statement; nil: none
}

// cursor is a server-side cursor that a COM_STMT_FETCH continues.
type cursor struct {
	h       *held
	stmt    *backend.Stmt
	columns []sqltypes.Column
	rows    uint64 // that have been fetched
	sent    bool   // FOUND_ROWS() is how many there are
}

// prepareds are a session's prepared statements.
type prepareds struct {
	byID   map[uint32]*prepared
	next   uint32
	budget *merge.Budget
	srv    *Server
}

func (p *prepareds) init(budget *merge.Budget, srv *Server) {
	p.byID, p.budget, p.srv = map[uint32]*prepared{}, budget, srv
}

func (p *prepareds) closeAll() {
	for id := range p.byID {
		p.remove(id)
	}
}

// add gives the statement an id, within the session's limits.
func (p *prepareds) add(stmt *prepared, c *Config) error {
	if len(p.byID) >= c.MaxPrepared {
		return sqlerr.TooManyPrepared(c.MaxPrepared)
	}
	if err := p.charge(stmt); err != nil {
		return err
	}
	p.next++
	stmt.id = p.next
	p.byID[stmt.id] = stmt
	return nil
}

// charge takes the statement's memory, which remove or discharge gives back: its own from the session's, and from the process's
// what it shares with all sessions.
func (p *prepareds) charge(stmt *prepared) error {
	bytes := int64(256 + len(stmt.text) + stmt.scan.Weight())
	if err := p.budget.Reserve("prepared statements", bytes); err != nil {
		return err
	}
	if stmt.st != nil {
		if err := p.srv.kept.keep(stmt.st, p.srv.Memory); err != nil {
			p.budget.Release(bytes)
			return err
		}
	}
	stmt.bytes, stmt.kept = bytes, stmt.st
	return nil
}

// rekeep has a statement that is charged hold on to another plan.
func (p *prepareds) rekeep(stmt *prepared, st *Statement) error {
	if stmt.kept == nil || stmt.kept == st {
		return nil
	}
	if err := p.srv.kept.keep(st, p.srv.Memory); err != nil {
		return err
	}
	p.srv.kept.leave(stmt.kept, p.srv.Memory)
	stmt.kept = st
	return nil
}

func (p *prepareds) discharge(stmt *prepared) {
	p.budget.Release(stmt.bytes)
	if stmt.kept != nil {
		p.srv.kept.leave(stmt.kept, p.srv.Memory)
		stmt.kept = nil
	}
}

func (p *prepareds) remove(id uint32) {
	if stmt := p.byID[id]; stmt != nil {
		p.forgetLong(stmt)
		p.discharge(stmt)
		delete(p.byID, id)
	}
}

// forgetLong forgets what COM_STMT_SEND_LONG_DATA has brought.
func (p *prepareds) forgetLong(stmt *prepared) {
	p.budget.Release(stmt.held)
	stmt.long, stmt.held = nil, 0
}

// comStmtPrepare answers with the shape that a shard gives the statement.
func (s *Session) comStmtPrepare(ctx context.Context, payload []byte) error {
	text := s.called(append([]byte(nil), payload...), nil)
	s.showing(text)
	s.observed.Parsed = nil
	stmt, params, columns, err := s.prepareText(ctx, text)
	s.settle(ctx)
	if err == nil {
		stmt.caller = caller{parent: s.caller.parent}
		err = s.prepared.add(stmt, &s.config)
	}
	if err != nil {
		s.observeRefused()
		s.diag.reset()
		return s.writeError(err)
	}
	s.observed.Parsed = nil
	if stmt.warnings == 0 {
		s.diag.begin(stmt.st.parsed, s.srv.Flavour.MariaDB)
	}
	return s.sendPrepared(stmt, params, columns)
}

// prepareText plans a statement and has one of its shards describe it.
func (s *Session) prepareText(ctx context.Context, text []byte) (stmt *prepared, params, columns []sqltypes.Column, err error) {
	began, written := time.Now(), s.written()
	for {
		stmt, params, columns, err = s.prepareOnce(ctx, text)
		if err == nil || !s.mayPrepareAgain(ctx, err, written, began) {
			return stmt, params, columns, err
		}
	}
}

func (s *Session) prepareOnce(ctx context.Context, text []byte) (stmt *prepared, params, columns []sqltypes.Column, err error) {
	st, err := s.lookup(ctx, text)
	if s.scan.Empty && s.scan.Next >= 0 {
		err = s.wrongAt(text, s.scan.End)
	}
	if err != nil {
		return nil, nil, nil, err
	}
	if s.scan.Next >= 0 {
		return nil, nil, nil, s.wrongAt(text, s.scan.Next)
	}
	s.observed.reads(st.parsed)
	if err := s.mayRun(st.parsed); err != nil {
		return nil, nil, nil, err
	}
	if !s.mayWrite() && st.plan != nil && st.plan.Write && (changesRows[st.parsed.Kind] || st.parsed.Kind == parser.Select) {
		return nil, nil, nil, sqlerr.ReadOnlyTransaction()
	}
	stmt = &prepared{text: text[:s.scan.End], st: st, db: s.db, mode: s.mode, key: append([]byte(nil), s.keyPrefix...), hinted: s.hinted, params: s.scan.Params}
	if err := stmt.scan.Scan(stmt.text, s.mode); err != nil {
		return nil, nil, nil, syntaxError(err)
	}
	params, columns, err = s.shape(ctx, stmt)
	return stmt, params, columns, err
}

// changesRows are the kinds of statements that servers do not even prepare in a READ ONLY transaction.
var changesRows = map[parser.Kind]bool{
	parser.Insert: true, parser.Replace: true, parser.Update: true, parser.Delete: true,
}

// shape returns the definitions of a statement's parameters and columns.
func (s *Session) shape(ctx context.Context, stmt *prepared) (params, columns []sqltypes.Column, err error) {
	params = make([]sqltypes.Column, stmt.params)
	for i := range params {
		params[i] = unknownParam
		if s.srv.Flavour.MariaDB {
			params[i].Type = sqltypes.Null
		}
	}
	if stmt.st.plan == nil && s.statable(stmt.st.parsed) {
		if asks, err := s.asksSystem(stmt.st.parsed); err == nil && !asks {
			return nil, nil, sqlerr.NotSupported("a preparation of SET STATEMENT of what runs in parts over several shards, or asks what the session answers")
		}
	}
	if stmt.st.plan == nil {
		return s.ownShape(ctx, stmt, params)
	}
	x := execution{st: stmt.st, plan: stmt.st.plan, own: stmt.st.argsOf(&stmt.scan, stmt.text), form: exec.BinaryRows}
	x.args = &x.own
	x.need = needs(stmt.st.parsed)
	if stmt.st.known != nil {
		defer s.know(stmt.st.known)()
	}
	if s.locked != nil && cacheable[x.st.parsed.Kind] { // others open no table before they run
		if err := s.mayUse(&x); err != nil {
			return nil, nil, err
		}
	}
	if s.xa != nil && cacheable[x.st.parsed.Kind] {
		if err := s.inXA(&x); err != nil {
			return nil, nil, err
		}
	}
	t := &tree{s: s, x: &x}
	shard, err := t.describe(ctx, stmt.st.plan.Root)
	if err != nil {
		return nil, nil, s.wrongAsWritten(ctx, &x, err)
	}
	if shard.Warnings > 0 {
		if stmt.warnings, err = t.hearPreparation(ctx, stmt.st.plan.Root); err != nil {
			return nil, nil, err
		}
	}
	if len(shard.Params) == len(params) {
		params = shard.Params
		stmt.numbers = s.numbersOf(params)
	}
	columns, err = t.columns(ctx)
	return params, columns, err
}

// unknownParam is how servers define a parameter of which they know nothing.
var unknownParam = sqltypes.Column{Name: "?", Type: sqltypes.VarString, Collation: sqltypes.CollationBinary, Flags: sqltypes.FlagBinary}

func (s *Session) sendPrepared(stmt *prepared, params, columns []sqltypes.Column) error {
	head := wire.PrepareOK{StatementID: stmt.id, Columns: len(columns), Params: len(params), Warnings: stmt.warnings}
	if err := s.client.Send(&head); err != nil {
		return err
	}
	for _, list := range [][]sqltypes.Column{params, columns} {
		if len(list) == 0 {
			continue
		}
		for i := range list {
			if err := s.client.Finish(wire.AppendColumn(s.client.Start(), &list[i], s.client.Caps)); err != nil {
				return err
			}
		}
		if err := s.endOfColumns(0); err != nil {
			return err
		}
	}
	s.client.Complete()
	return nil
}

// comStmtExecute runs a prepared statement.
func (s *Session) comStmtExecute(ctx context.Context, payload []byte) error {
	id, err := wire.ExecuteTarget(payload)
	if err != nil {
		return s.writeError(err)
	}
	stmt := s.prepared.byID[id]
	if stmt == nil {
		return s.writeError(sqlerr.UnknownStatement(id, "mysqld_stmt_execute"))
	}
	s.caller = stmt.caller
	s.observe()
	s.showing(stmt.text)
	if stmt.failed != nil {
		return s.writeError(stmt.failed) // until the client resets the statement, as on servers
	}
	var longData func(int) ([]byte, bool)
	if stmt.long != nil {
		longData = stmt.longData
	}
	request, err := wire.ParseStmtExecute(payload, s.client.Caps, stmt.params, stmt.types, longData)
	if err != nil {
		return s.writeError(err)
	}
	s.attributed(request.Attrs)
	if limit, ok := s.limits(nil, request.Attrs); ok {
		if err := s.bound(limit); err != nil {
			return s.writeError(err)
		}
		defer s.unbound()
	}
	if request.TypesSent {
		stmt.types = append(stmt.types[:0], request.Types...)
	}
	defer s.prepared.forgetLong(stmt)
	s.closeCursor(ctx, stmt)
	return s.executePrepared(ctx, stmt, request)
}

// executePrepared runs a prepared statement with the parameters of one EXECUTE.
func (s *Session) executePrepared(ctx context.Context, stmt *prepared, request *wire.StmtExecute) error {
	restore, err := s.asPrepared(stmt)
	if err != nil {
		return s.writeError(err)
	}
	defer restore()
	s.observed.reads(stmt.st.parsed)
	st, err := s.current(ctx, stmt)
	if err != nil {
		return s.writeError(err)
	}
	release, err := s.admit(ctx)
	if err != nil {
		return s.writeError(err)
	}
	defer release()
	stmt.values = stmt.values[:0]
	for i := range request.Params {
		stmt.values = append(stmt.values, request.Params[i].Value)
	}
	s.srv.Meter.Statement(st.parsed.Kind)
	s.observed.runs(st)
	x := s.reuse(execution{
		st: st, plan: st.plan, form: exec.BinaryRows, params: request.Params,
		own: st.argsOf(&stmt.scan, stmt.text),
	})
	defer s.forgetOwn()
	x.own.params = stmt.values
	s.more = false
	s.readLimits(x, stmt.values)
	err = stmt.textForNumber(x)
	if err == nil {
		err = s.planTyped(ctx, x)
	}
	if err != nil {
		s.diag.reset()
		return s.writeError(err)
	}
	if request.Flags&wire.CursorReadOnly != 0 {
		return s.openCursor(ctx, stmt, x)
	}
	return s.execute(ctx, x)
}

// current returns the statement with a plan that is valid now.
func (s *Session) current(ctx context.Context, stmt *prepared) (*Statement, error) {
	if stmt.hinted == s.hinted && bytes.Equal(stmt.key, s.keyPrefix) && stmt.st.valid(s.srv.Catalogs.Current(), s.srv.Catalogs.Epoch()) {
		return stmt.st, nil
	}
	st, err := s.lookup(ctx, stmt.text)
	if err == nil {
		err = s.prepared.rekeep(stmt, st)
	}
	if err != nil {
		return nil, err
	}
	stmt.st, stmt.hinted, stmt.key = st, s.hinted, append(stmt.key[:0], s.keyPrefix...)
	return st, nil
}

// longData is what COM_STMT_SEND_LONG_DATA brought for a parameter.
func (p *prepared) longData(i int) ([]byte, bool) {
	b, ok := p.long[uint16(i)]
	return b, ok
}

// comStmtSendLongData keeps a piece of a parameter. There is no answer: what is wrong shows at the execution.
func (s *Session) comStmtSendLongData(payload []byte) error {
	m, err := wire.ParseStmtSendLongData(payload)
	if err != nil {
		return nil
	}
	stmt := s.prepared.byID[m.StatementID]
	if stmt == nil || stmt.failed != nil {
		return nil
	}
	if int(m.Param) >= stmt.params {
		stmt.failed = sqlerr.WrongLongData()
		return nil
	}
	if err := s.addLong(stmt, m.Param, m.Data); err != nil {
		s.prepared.forgetLong(stmt)
		stmt.failed = sqlerr.As(err)
	}
	return nil
}

// addLong appends a piece to a parameter. Memory is taken in steps that grow, and never more than the limit needs.
func (s *Session) addLong(stmt *prepared, param uint16, piece []byte) error {
	have := stmt.long[param]
	need := len(have) + len(piece)
	if need > s.config.MaxPacket {
		return sqlerr.LongDataTooLong()
	}
	if need > cap(have) || have == nil {
		size := need
		if len(have) > 0 {
			size = max(need, min(need+need/2, s.config.MaxPacket))
		}
		const what = "the parameters of a prepared statement"
		err := s.memory.Reserve(what, int64(size))
		if err != nil && size > need {
			size = need
			err = s.memory.Reserve(what, int64(size))
		}
		if err != nil {
			return err
		}
		s.memory.Release(int64(cap(have)))
		stmt.held += int64(size - cap(have))
		grown := make([]byte, len(have), size)
		copy(grown, have)
		have = grown
	}
	if stmt.long == nil {
		stmt.long = map[uint16][]byte{}
	}
	stmt.long[param] = append(have, piece...)
	return nil
}

func (s *Session) comStmtClose(payload []byte) error {
	id, err := wire.ParseStmtID(payload)
	if err == nil {
		if stmt := s.prepared.byID[id]; stmt != nil {
			s.closeCursor(context.Background(), stmt)
			s.settle(context.Background())
		}
		s.prepared.remove(id)
	}
	return nil
}

func (s *Session) comStmtReset(ctx context.Context, payload []byte) error {
	id, err := wire.ParseStmtID(payload)
	if err != nil {
		return s.writeError(err)
	}
	stmt := s.prepared.byID[id]
	if stmt == nil {
		return s.writeError(sqlerr.UnknownStatement(id, "mysqld_stmt_reset"))
	}
	s.prepared.forgetLong(stmt)
	stmt.failed = nil
	s.closeCursor(ctx, stmt)
	s.settle(ctx)
	return s.respond(nil)
}
