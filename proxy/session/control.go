package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/txn"
)

// onGetDiagnostics refuses what no server could answer: the conditions are the session's, gathered of all connections that
// a statement had.
func onGetDiagnostics(s *Session, _ context.Context, _ *execution) error {
	return s.writeError(sqlerr.NotSupported("GET DIAGNOSTICS outside of stored programs; SHOW WARNINGS tells the conditions"))
}

// handlers lists them.
func handlers() map[parser.Kind]handler {
	return map[parser.Kind]handler{
		parser.Empty:            onEmpty,
		parser.GetDiagnostics:   onGetDiagnostics,
		parser.Begin:            onBegin,
		parser.Commit:           onCommit,
		parser.Rollback:         onRollback,
		parser.Savepoint:        onSavepoint,
		parser.RollbackTo:       onRollbackTo,
		parser.Release:          onRelease,
		parser.SetTransaction:   onSetTransaction,
		parser.Set:              onSet,
		parser.Use:              onUse,
		parser.Kill:             onKill,
		parser.Prepare:          onPrepare,
		parser.Execute:          onExecute,
		parser.ExecuteImmediate: onExecuteImmediate,
		parser.Deallocate:       onDeallocate,
		parser.UnlockTables:     onUnlockTables,
		parser.XA:               onXA,
		parser.Shutdown:         onRefused,
		parser.ReplicationAdmin: onRefused,
		parser.CreateDatabase:   onDatabase,
		parser.AlterDatabase:    onDatabase,
		parser.DropDatabase:     onDatabase,
		parser.DistSQL:          onDistSQL,
	}
}

// onEmpty is a text of comments only.
func onEmpty(s *Session, _ context.Context, _ *execution) error { return s.respond(nil) }

// onRefused are statements that would act on one of the servers behind the client's back.
func onRefused(s *Session, _ context.Context, x *execution) error {
	return s.writeError(sqlerr.NotSupported(x.st.parsed.Verb()))
}

// onUse is USE.
func onUse(s *Session, ctx context.Context, x *execution) error {
	return s.respond(s.use(ctx, x.st.parsed.Use))
}

// use changes the default database. A pass-through database is a schema that its server has to know.
func (s *Session) use(ctx context.Context, db string) error {
	if s.ownDatabase(db) {
		s.useDatabase(sysview.Heddle)
		s.trackDatabase()
		s.trackState()
		return nil
	}
	if !s.who.MayUse(db) {
		return sqlerr.DatabaseAccessDenied(s.who.User, s.who.Host, db)
	}
	layout, ok := s.srv.Catalogs.Current().Database(db)
	if !ok && !strings.EqualFold(db, "information_schema") {
		return sqlerr.UnknownDatabase(db)
	}
	if ok && layout.Database == "" {
		_, done, err := s.borrow(ctx, layout.DefaultDataSource, db, 0)
		if err != nil {
			return err
		}
		done()
	}
	s.useDatabase(db)
	s.trackDatabase()
	s.trackState()
	return nil
}

func (s *Session) useDatabase(db string) {
	s.db = db
	s.rekey()
}

// onKill is KILL [CONNECTION | QUERY] id.
func onKill(s *Session, _ context.Context, x *execution) error {
	d := x.st.parsed.Kill
	if d.ByID || d.User || d.Arg < 0 {
		return s.writeError(sqlerr.NotSupported("KILL of anything but a connection id"))
	}
	v, err := x.args.Value(d.Arg)
	if err != nil {
		return s.writeError(err)
	}
	id, ok := integer(v)
	if !ok || id > 1<<32-1 {
		return s.writeError(sqlerr.NoSuchThread(id))
	}
	return s.respond(s.srv.Peers.Kill(s.who, uint32(id), d.Query))
}

func (s *Session) comProcessKill(payload []byte) error {
	id, err := wire.ParseProcessKill(payload)
	if err != nil {
		return s.writeError(err)
	}
	return s.respond(s.srv.Peers.Kill(s.who, uint32(id), false))
}

// lastWrite is how long a session that is ended may write to its client.
const lastWrite = time.Second

// Kill ends the statement under way, or the session. It is called by other goroutines. A COMMIT under way is not
// interrupted: the session ends after it. Otherwise a client that does not read its answer is waited for no longer.
func (s *Session) Kill(ctx context.Context, query bool) {
	s.mu.Lock()
	if query {
		if s.command == wire.ComSleep {
			s.mu.Unlock()
			return
		}
		s.killed = max(s.killed, killQuery)
	} else {
		s.killed = killConnection
	}
	var running []*backend.Lease
	if !s.committing {
		running = s.working()
		s.kills++
	}
	committing := s.committing
	if s.loading != nil {
		s.loading()
	}
	s.mu.Unlock()
	for _, l := range running {
		_ = l.KillQuery(ctx) // a server that cannot be told is waited for no longer
	}
	if !committing {
		s.killSent()
	}
	if !query {
		_ = s.conn.SetReadDeadline(time.Unix(1, 0)) // ends the wait for a command; fails only on a closed connection
		if !committing {
			_ = s.conn.SetWriteDeadline(time.Now().Add(lastWrite))
		}
	}
}

// Abandon ends the session whatever it waits for, a COMMIT too, of which it is then unknown whether it is done: it is for a
// process that ends, when Kill has not helped.
func (s *Session) Abandon() {
	s.mu.Lock()
	s.killed = killConnection
	running, committing := s.working(), s.committing
	if s.loading != nil {
		s.loading()
	}
	s.mu.Unlock()
	for _, l := range running {
		l.Interrupt()
	}
	if committing {
		s.srv.Log.Warn("a COMMIT is waited for no longer: whether it is done is unknown",
			zap.Uint32("connection", s.id), zap.Strings("data_sources", dataSources(running)))
	}
	_ = s.conn.SetDeadline(time.Now().Add(lastWrite)) // fails only on a closed connection
}

func dataSources(of []*backend.Lease) (names []string) {
	for _, l := range of {
		names = append(names, l.Conn().Info().DataSource)
	}
	return names
}

func (s *Session) killSent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kills--; s.kills == 0 {
		s.killsOver.Broadcast()
	}
}

func (s *Session) killState() killState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.killed
}

// reset is COM_RESET_CONNECTION: everything but the login is forgotten.
func (s *Session) reset(ctx context.Context) error {
	if s.txn != nil {
		_ = s.rollback(ctx) // connections that cannot roll back are dropped below
	}
	s.xa = nil
	s.mu.Lock()
	for _, h := range s.held {
		h.drop()
	}
	s.held, s.locked = nil, nil
	s.mu.Unlock()
	s.prepared.closeAll()
	for name := range s.named {
		s.forgetNamed(name)
	}
	s.forgetState()
	s.unkept = nil
	_ = s.setShardValues(nil) // nothing has room
	s.followSavepoints()
	s.diag, s.next, s.transactionType, s.atomic = diagnostics{}, txn.Options{}, s.ownTransactionType(), false
	s.switchAutocommit(s.srv.Initial.Autocommit)
	s.setCollation(s.collation)
	s.modeChanged()
	s.untold()
	return nil
}

// comChangeUser logs another account in on the same connection.
func (s *Session) comChangeUser(ctx context.Context, payload []byte) error {
	request, err := wire.ParseChangeUser(payload, s.client.Caps)
	if err != nil {
		return s.writeError(err)
	}
	request.Auth = append([]byte(nil), request.Auth...)
	who, err := s.srv.Auth.ChangeUser(s.client, s.conn, s.who, s.salt, request)
	if err != nil {
		if bad := s.writeError(err); bad != nil {
			return bad
		}
		if bad := s.client.Flush(); bad != nil {
			return bad
		}
		return errQuit // as servers do: a failed change of user ends the connection
	}
	s.who, s.waitsAlways = who, who.Attributes[timeoutName]
	if s.srv.Replicas != nil {
		s.writes = s.srv.Replicas.User(who.User)
	}
	if request.Collation != 0 {
		s.collation = request.Collation
	}
	if err := s.reset(ctx); err != nil {
		return s.writeError(err)
	}
	s.useDatabase("")
	if request.Database != "" {
		return s.respond(s.use(ctx, request.Database))
	}
	return s.respond(nil)
}

// comSetOption switches multi-statements on and off.
func (s *Session) comSetOption(payload []byte) error {
	option, err := wire.ParseSetOption(payload)
	if err != nil {
		return s.writeError(err)
	}
	switch option {
	case wire.MultiStatementsOn:
		s.client.Caps |= wire.CapMultiStatements
	case wire.MultiStatementsOff:
		s.client.Caps &^= wire.CapMultiStatements
	default:
		return s.writeError(sqlerr.UnknownCommand())
	}
	return s.sendEnd(&wire.OK{})
}

// comStatistics answers with a line for people.
func (s *Session) comStatistics() error {
	up := time.Since(s.srv.Start)
	line := fmt.Sprintf("Uptime: %d  Threads: %d", int(up.Seconds()), len(s.srv.Peers.List()))
	return s.ended(0, s.client.WritePacket([]byte(line)))
}
