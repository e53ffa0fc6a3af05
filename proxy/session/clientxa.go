package session

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// clientXA is the transaction that the client's XA START has begun. Its branches have names of Heddle's on the servers (package txn).
type clientXA struct {
	name  xa.ClientXID
	state xa.ClientState
}

// xaState is the state of the client's XA transaction. Of one that a shard has ended only the end is left to be told.
func (s *Session) xaState() xa.ClientState {
	if s.xa == nil {
		return xa.NonExisting
	}
	if s.txn == nil { // a shard has ended it, or, if it is prepared, a connection is lost
		if s.lost = false; s.xa.state != xa.ClientPrepared {
			s.xa.state = s.xa.state.Ended(!s.srv.Flavour.MariaDB)
		}
	}
	return s.xa.state
}

// inXA refuses what is not run inside of a client's XA transaction.
func (s *Session) inXA(x *execution) error {
	state := s.xaState()
	if state == xa.NonExisting || x.st.parsed.Kind == parser.XA {
		return nil
	}
	switch x.st.parsed.Kind {
	case parser.Begin, parser.Commit, parser.Rollback, parser.LockTables, parser.CreateDatabase, parser.AlterDatabase, parser.DropDatabase, parser.DistSQL:
		return sqlerr.XARMFail(state.String())
	case parser.Savepoint, parser.RollbackTo, parser.Release:
		if s.txn == nil && (s.srv.Flavour.MariaDB || x.st.parsed.Kind == parser.Savepoint) || // where there is nothing left none can hold
			s.txn != nil && state != xa.ClientActive && !s.savepointBeside(x) {
			return sqlerr.XARMFail(state.String())
		}
	}
	if x.plan == nil {
		return nil
	}
	if !s.srv.Flavour.MariaDB && !x.plan.ImplicitCommit && s.txn == nil && s.begins(x) {
		s.xa.state = xa.ClientRollbackOnly // it is told now
		return sqlerr.XADeadlock()
	}
	if x.plan.ImplicitCommit || state != xa.ClientActive && s.begins(x) {
		return sqlerr.XARMFail(state.String())
	}
	return nil
}

// savepointBeside reports whether a server looks for a savepoint before it looks at the state: for one that is not there, and MariaDB for one to be released.
func (s *Session) savepointBeside(x *execution) bool {
	kind := x.st.parsed.Kind
	return kind == parser.Release && s.srv.Flavour.MariaDB ||
		(kind == parser.Release || kind == parser.RollbackTo) && !s.txn.HasSavepoint(quotedName(x.st.parsed.Txn.Savepoint))
}

// xaStatement is an XA statement as it was written.
type xaStatement struct {
	verb   string
	name   xa.ClientXID
	option string // what follows the name, in upper case, with spaces between
}

// xaVerbs are the verbs that name a transaction, and what may follow the name.
var xaVerbs = map[string][]string{
	"START": {"", "JOIN", "RESUME"}, "BEGIN": {"", "JOIN", "RESUME"}, "END": {"", "SUSPEND", "SUSPEND FOR MIGRATE"},
	"PREPARE": {""}, "COMMIT": {"", "ONE PHASE"}, "ROLLBACK": {""},
}

const (
	maxXIDPart = 64
	maxFormat  = 1<<31 - 1
)

// parseXA reads an XA statement. Its errors are of the syntax.
func (s *Session) parseXA(x *execution) (st xaStatement, err error) {
	t, text := x.st.parsed.Tokens, x.st.parsed.Text
	at := 1
	wrong := func() error {
		pos := len(text)
		if at < len(t) {
			pos = t[at].Start
		}
		return s.wrongAt([]byte(text), pos)
	}
	if at >= len(t) {
		return st, wrong()
	}
	st.verb = t[at].Word
	options, named := xaVerbs[st.verb]
	if !named && st.verb != "RECOVER" {
		return st, wrong()
	}
	at++
	st.name.Format = 1
	fits, parts := true, 0
	for ; named && parts < 3; parts++ {
		if parts > 0 {
			if at >= len(t) || !t[at].Is(",") {
				break
			}
			at++
		}
		if at >= len(t) {
			return st, wrong()
		}
		v, ok := literalOf(t[at].In(text), x.st.parsed.Mode)
		if !ok || !setXID(&st.name, parts, v) {
			return st, wrong()
		}
		fits = fits && xidFits(&st.name)
		at++
	}
	if !s.srv.Flavour.MariaDB && st.name.Format > maxFormat {
		return st, sqlerr.XAFormat()
	}
	if !fits { // that is seen when the name is known to end: by the next token, but for the number, which is the last of three
		if parts == 3 {
			at--
		}
		return st, wrong()
	}
	for ; at < len(t); at++ {
		st.option = strings.TrimSpace(st.option + " " + strings.ToUpper(t[at].In(text)))
		if named && !slices.ContainsFunc(options, func(o string) bool { return strings.HasPrefix(o+" ", st.option+" ") }) {
			return st, wrong()
		}
	}
	if named && !slices.Contains(options, st.option) {
		return st, wrong()
	}
	return st, nil
}

// xidFits reports whether a name is as short, and its number as small, as servers take it.
func xidFits(name *xa.ClientXID) bool {
	return len(name.GTRID) <= maxXIDPart && len(name.BQual) <= maxXIDPart && name.Format <= maxFormat
}

// literalOf reads a literal that stands where the scanner expects none: a text behind a word is an alias to it.
func literalOf(text string, mode parser.Mode) (sqltypes.Value, bool) {
	var scan parser.Scan
	if err := scan.ScanWhole([]byte("SELECT("+text+")"), mode); err != nil || len(scan.Args) != 1 {
		return sqltypes.NullValue, false
	}
	v, err := scan.Value(0)
	return v, err == nil
}

// setXID takes a literal for a part of a name: two texts and a number.
func setXID(name *xa.ClientXID, part int, v sqltypes.Value) bool {
	if part == 2 {
		n, ok := integer(v)
		name.Format = uint32(min(n, maxFormat+1))
		return ok
	}
	if v.Kind != sqltypes.KindString && v.Kind != sqltypes.KindBinary {
		return false
	}
	if part == 0 {
		name.GTRID = string(v.Bytes)
	} else {
		name.BQual = string(v.Bytes)
	}
	return true
}

// onXA is XA.
func onXA(s *Session, ctx context.Context, x *execution) error {
	if s.srv.XA == nil || s.srv.XA.Alone() {
		return s.writeError(sqlerr.XAAlone())
	}
	st, err := s.parseXA(x)
	if err != nil {
		return s.writeError(err)
	}
	defer s.settle(ctx)
	if st.verb == "RECOVER" {
		return s.xaRecover(ctx, x, st.option)
	}
	return s.respond(xaError(s.xaTake(ctx, st)))
}

// statement is what the machine of the session's states takes.
func (st xaStatement) statement() xa.ClientVerb {
	switch {
	case st.option == "JOIN":
		return xa.VerbJoin
	case st.option == "RESUME":
		return xa.VerbResume
	case st.option == "ONE PHASE":
		return xa.VerbOnePhase
	case st.option != "":
		return xa.VerbSuspend
	}
	return map[string]xa.ClientVerb{"START": xa.VerbStart, "BEGIN": xa.VerbStart, "END": xa.VerbEnd, "PREPARE": xa.VerbPrepare, "COMMIT": xa.VerbCommit,
		"ROLLBACK": xa.VerbRollback}[st.verb]
}

// xaTake does what the session's state makes of a statement.
func (s *Session) xaTake(ctx context.Context, st xaStatement) error {
	state := s.xaState()
	mysql := !s.srv.Flavour.MariaDB
	move, next := state.Take(xa.ClientStatement{Verb: st.statement(), Same: s.xa != nil && s.xa.name.Same(st.name) && (!mysql || s.xa.name.Format == st.name.Format),
		Unnamed: st.name.GTRID == "", Within: s.txn != nil, Manual: !s.autocommit, Locked: s.locked != nil, MySQL: mysql})
	switch move {
	case xa.RefuseState:
		return sqlerr.XARMFail(state.String())
	case xa.RefuseArgument:
		return sqlerr.XAInvalid()
	case xa.RefuseName:
		return txn.ErrUnknown
	case xa.RefuseOutside:
		return sqlerr.XAOutside()
	case xa.OpenClient:
		return s.xaStart(ctx, st.name)
	case xa.ReopenClient, xa.CloseClient: // the servers are told when it is prepared
		s.xa.state = next
		return nil
	case xa.KeepClient:
		return s.xaPrepare(ctx, next)
	case xa.CommitClient:
		return s.xaCommit(ctx)
	case xa.RollbackClient:
		return s.xaRollback(ctx)
	case xa.TellVictim:
		s.xa.state = next
		return sqlerr.XADeadlock()
	case xa.VictimClient:
		s.leaveXA(ctx)
		return sqlerr.XADeadlock()
	}
	return s.xaEnded(ctx, st.name, move == xa.CommitOther, mysql)
}

// xaError is what a client sees of a client's transaction that is refused.
func xaError(err error) error {
	switch {
	case errors.Is(err, txn.ErrDuplicate):
		return sqlerr.XADuplicate()
	case errors.Is(err, txn.ErrUnknown):
		return sqlerr.XAUnknown()
	case errors.Is(err, txn.ErrVoid):
		return sqlerr.XARolledBack()
	}
	if aborted, ok := errors.AsType[*txn.AbortedError](err); ok {
		switch e := sqlerr.As(aborted.Err); {
		case e == nil || aborted.Lost:
			return sqlerr.XARolledBack()
		case aborted.OfLog():
			return sqlerr.BranchFailed(aborted.DataSource, e)
		default:
			return e
		}
	}
	return err
}

// unanswered tells a client that a data source of all that had to be asked did not answer. Why, is for the log.
func (s *Session) unanswered(err error) error {
	unfit, _ := errors.AsType[*txn.UnfitError](err)
	known := err == nil || unfit != nil || sqlerr.As(err) != nil || decidedError(err) != nil
	for _, refused := range []error{txn.ErrDuplicate, txn.ErrUnknown, txn.ErrVoid} {
		known = known || errors.Is(err, refused)
	}
	if known {
		return err
	}
	s.srv.Log.Warn("a client's XA statement is refused: not all data sources answer", zap.Uint32("connection", s.id), zap.Error(err))
	return sqlerr.XAUnanswered()
}

func (s *Session) xaStart(ctx context.Context, name xa.ClientXID) error {
	if s.readOnly() || s.next.ReadOnly {
		return sqlerr.XAReadOnly()
	}
	begun, err := s.srv.XA.BeginClient(ctx, s.takeNext(), s.srv.Catalogs.Current().LockSource(), name)
	if err != nil {
		return s.unanswered(err)
	}
	s.txn, s.xa = begun, &clientXA{name, xa.ClientActive}
	return nil
}

func (s *Session) xaPrepare(ctx context.Context, next xa.ClientState) error {
	s.closeToKills()
	defer s.openToKills()
	err := s.tellTime(ctx)
	if err == nil {
		s.follow()
		err = s.txn.Prepare(ctx)
		s.followed()
	}
	if err != nil {
		s.leaveXA(ctx)
		if doubt, ok := errors.AsType[*txn.InDoubtError](err); ok {
			s.noteDoubt(doubt)
			return sqlerr.PrepareInDoubt(doubt.GTRID, doubt.DataSource)
		}
		return s.undone(err)
	}
	if next == xa.NonExisting { // the session is free
		s.txn.Detach()
		s.endTransaction()
		s.xa = nil
		return nil
	}
	s.xa.state = next
	return nil
}

// leaveXA forgets the client's transaction, which is over for this session.
func (s *Session) leaveXA(ctx context.Context) {
	if s.txn != nil {
		_ = s.txn.Rollback(ctx) // of what has ended there is nothing left to roll back
	}
	s.endTransaction()
	s.xa = nil
}

// xaCommit commits the session's own, prepared or in one phase.
func (s *Session) xaCommit(ctx context.Context) error {
	if name := s.xa.name; s.txn == nil { // it has lost a connection since it was prepared
		s.xa = nil
		return s.xaEnded(ctx, name, true, true)
	}
	s.closeToKills()
	defer s.openToKills()
	err := s.tellTime(ctx)
	if err == nil {
		s.follow()
		err = s.txn.CommitClient(ctx)
		s.followed()
		s.noteCommit(err)
	}
	if s.xa.state == xa.ClientPrepared {
		err = s.unanswered(err)
	} else {
		err = s.undone(err)
	}
	s.leaveXA(ctx)
	return err
}

// undone tells a client that its transaction is rolled back, which nobody could prepare for a failure that is no server's answer.
func (s *Session) undone(err error) error {
	if told := s.unanswered(err); told == err {
		return err
	}
	return sqlerr.XARolledBack()
}

func (s *Session) xaRollback(ctx context.Context) error {
	var err error
	switch {
	case s.txn != nil:
		s.closeToKills()
		defer s.openToKills()
		s.follow()
		err = s.txn.RollbackClient(ctx)
		s.followed()
	case s.xa.state == xa.ClientPrepared:
		name := s.xa.name
		s.xa = nil
		return s.xaEnded(ctx, name, false, true)
	}
	s.leaveXA(ctx)
	return s.unanswered(err)
}

// xaEnded ends a prepared transaction over other connections than those that have prepared it.
func (s *Session) xaEnded(ctx context.Context, name xa.ClientXID, commit, own bool) error {
	s.closeToKills()
	defer s.openToKills()
	late, err := s.srv.XA.FinishClient(ctx, name, commit, own)
	s.undelivered = append(s.undelivered, late...)
	for _, ds := range late {
		s.diag.warn(sqlerr.CommitUndelivered(ds.DataSource))
	}
	return s.unanswered(err)
}

// xaRecover is XA RECOVER: a server says in which columns, and the names are the clients'.
func (s *Session) xaRecover(ctx context.Context, x *execution, option string) error {
	names, err := s.srv.XA.PreparedByClients(ctx)
	if err != nil {
		return s.writeError(s.unanswered(err))
	}
	h, done, err := s.borrowHome(ctx, 0)
	if err != nil {
		return s.writeError(err)
	}
	defer done()
	columns, _, err := h.lease.Conn().QueryRows(ctx, x.st.parsed.Text)
	if err != nil {
		return s.writeError(err)
	}
	rows := make([]sqltypes.Row, 0, len(names))
	for _, n := range names {
		data := n.GTRID + n.BQual
		switch {
		case strings.HasPrefix(option, "CONVERT"):
			data = "0x" + hexadecimal(data)
		case strings.HasSuffix(option, "'SQL'") || strings.HasSuffix(option, `"SQL"`):
			data = sqlXID(n)
		}
		cell := func(v int) []byte { return strconv.AppendInt(nil, int64(v), 10) }
		rows = append(rows, sqltypes.Row{cell(int(n.Format)), cell(len(n.GTRID)), cell(len(n.BQual)), []byte(data)})
	}
	return s.writeRows(ctx, merge.NewRows(columns, rows), x.form, func() *wire.OK { return &wire.OK{} })
}

// sqlXID is a name as FORMAT='SQL' shows it: as XA statements take it.
func sqlXID(n xa.ClientXID) string {
	quote := func(part string) string { return "'" + part + "'" }
	if strings.IndexFunc(n.GTRID+n.BQual, func(r rune) bool { return r < ' ' || r >= 0x7f || r == '\'' || r == '\\' }) >= 0 {
		quote = func(part string) string { return "X'" + hexadecimal(part) + "'" }
	}
	out := quote(n.GTRID)
	if n.Format != 1 || n.BQual != "" {
		out += "," + quote(n.BQual) + "," + strconv.FormatUint(uint64(n.Format), 10)
	}
	return out
}

func hexadecimal(s string) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, 2*len(s))
	for i := range len(s) {
		b = append(b, digits[s[i]>>4], digits[s[i]&15])
	}
	return string(b)
}
