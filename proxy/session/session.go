package session

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/replica"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/rewrite"
	"github.com/heddle-mesh/heddle/txn"
)

// Session is one client's state.
type Session struct {
	srv    *Server
	config Config
	id     uint32
	who    Identity
	client *wire.ServerStream
	conn   net.Conn // below client; for deadlines
	salt   []byte   // of the login; COM_CHANGE_USER answers it again
	flags  backend.Flags
	began  time.Time

	draining <-chan struct{} // closed when the process is to end

	db    string // logical default database; "": none
	state *backend.State
	mode  parser.Mode
	// modeSet is what the session's sql_mode says; mode may be what a statement was prepared under.
	modeSet parser.SQLMode
	// statesMode: a SET STATEMENT of sql_mode is under way, of which its server's status flags tell.
	statesMode bool
	// keyPrefix is what a plan depends on beside the text: database and mode.
	keyPrefix []byte

	router router.Router
	// What SET heddle_shard_value gives: values by table, in lower case, "" for all; and the tables in order, for keys.
	shardValues map[string]int64
	hinted      string
	visit       Visit // nil without a Gate

	autocommit      bool
	txn             *txn.Txn
	unseen          bool            // txn is the statement's own, of which the client knows nothing
	lost            bool            // a transaction was rolled back since its last statement: see mourn
	unkept          *sqlerr.Error   // why what the last statement has assigned is not kept; the next is told
	indelible       bool            // txn may have changed a table whose engine takes nothing back
	next            txn.Options     // SET TRANSACTION: the next transaction's only
	transactionType TransactionType // of those that begin from now on
	begun           TransactionType // of the one that began last
	wish            wish            // of the statement under way
	once            txn.Options     // next, where the statement under way is that transaction
	undelivered     []txn.Pending   // of earlier transactions
	atomic          bool            // SET heddle_read = 'atomic'
	xa              *clientXA       // that the client has begun by XA START
	viewed          *txn.Txn        // a READ ONLY transaction whose snapshots are known to fit
	viewedByLocks   bool            // viewed has none: what it reads is locked
	held            []*held         // in data source order
	turn            uint64          // counts statements
	known           []temporary     // that the statement under way names, where its planning had to know of them
	writes          *replica.User   // what the user has written; nil: no data source has replicas
	reading         bool            // the statement under way may be answered by replicas
	readHinted      bool            // because a hint says so
	readWithin      time.Duration   // how late it may be, as a hint says; 0: as the rules say
	locked          map[string]bool // by LOCK TABLES, logical names; nil: no table is
	strayed         bool            // a program has run, which may have set what nobody has told
	hints           map[string]*backend.Conn
	collation       uint16 // that the client asked for

	tracking tracking // what the client is to be told of its session

	more         bool          // the result being written is not the command's last
	deadline     time.Time     // of the wait for a command; the zero Time: none
	paced        bool          // receiving has set the deadline
	patience     time.Duration // how long a command is waited for; 0: without end
	midStatement time.Duration // how long the client may pause in the middle of a statement or a file
	takesWithin  time.Duration // how long the client may take nothing of an answer
	patienceOf   uint64        // version of the state that these were read from

	// Buffers of the statement under way.
	scan   parser.Scan
	reused reused
	key    []byte
	render rewrite.Rendered
	names  []byte       // of the column definition that is being renamed
	wide   *wideCharset // of the results, if it is one; follows character_set_results
	// shownIn is the charset of the client's results while servers send texts unconverted; "" else.
	shownIn string

	memory   *merge.Budget // under that of the process
	mayRead  parser.Room   // room
	roomed   int64         // what it has taken
	diag     diagnostics
	prepared prepareds
	named    map[string]*prepared // SQL PREPARE, by lower case name
	points   keptPoints
	errors   int // statements that ended with an error
	observed observed
	caller   caller
	// waitsAlways is how long the attributes of the connection say that each statement is waited for; "": they say nothing.
	waitsAlways string
	near        bool   // the client is on the same machine
	tiedTo      uint64 // the call in which the transaction began; 0: none, or it could be another
	traced      Trace  // of the statement under way; nil: it is not sampled

	mu      sync.Mutex // guards what follows
	command wire.Command
	shown   []byte // the statement under way, cut
	since   time.Time
	status  string // for SHOW PROCESSLIST
	killed  killState
	ahead   bool // the client has sent more than the command under way
	kills   int  // KILLs that are being sent to servers
	// committing: the branches of a transaction are told to commit, which no KILL may interrupt.
	committing bool
	lent       []*backend.Lease   // of the statement under way, beside held; some may have ended
	loading    context.CancelFunc // ends the reading of schemas for the statement under way; nil: there is none
	waiting    lockWatch
	callerWait callerWait
	killsOver  sync.Cond // signalled, under mu, when kills is 0
	parted     bool      // the answer to the last command was the end of the session
	waitedFor  bool      // the drain waits for it, although no command runs
	pins       string    // why connections are held
	dbShown    string
	user       string
	host       string
}

type killState uint8

const (
	alive killState = iota
	killQuery
	killConnection
)

// Client is a client that has logged in.
type Client struct {
	ID        uint32
	Who       Identity
	Conn      net.Conn // below Stream; for deadlines
	Stream    *wire.ServerStream
	Salt      []byte // of its login
	Database  string // that it asked for; ""
	Collation uint16 // that it asked for
}

// New returns the session of a client.
func New(srv *Server, c Client) *Session {
	now := time.Now()
	s := &Session{
		srv: srv, config: *srv.current.Load(), id: c.ID, who: c.Who, client: c.Stream, conn: c.Conn, salt: c.Salt,
		flags: backend.FlagsOf(c.Stream.Caps, false), began: now,
		state: backend.NewState(),
		hints: map[string]*backend.Conn{}, named: map[string]*prepared{},
		near: isNear(c.Who.Host), since: now, command: wire.ComSleep, user: c.Who.User, host: c.Who.Host, dbShown: c.Database,
	}
	if srv.Replicas != nil {
		s.writes = srv.Replicas.User(c.Who.User)
	}
	s.killsOver.L = &s.mu
	s.transactionType, s.waitsAlways = s.ownTransactionType(), s.who.Attributes[timeoutName]
	s.memory = merge.NewBudget(s.config.SessionMemory, "memory.session", srv.Memory)
	s.prepared.init(s.memory, srv)
	s.mayRead = s.room
	s.client.BoundLong(&wire.Long{Budget: s.memory, Wait: s.receiving})
	if srv.Gate != nil {
		s.visit = srv.Gate.Join(s.cut)
	}
	s.router = router.Router{Keyer: srv.Keyer, Prefer: func(ds string) bool { return s.find(ds) != nil }}
	s.mode = parser.Mode{SQLMode: parser.ParseSQLMode(srv.Initial.SQLMode), Flavour: srv.Flavour}
	if c.Stream.Caps.Has(wire.CapIgnoreSpace) {
		s.mode.SQLMode |= parser.IgnoreSpace
	}
	s.switchAutocommit(srv.Initial.Autocommit)
	s.collation = c.Collation
	s.setCollation(c.Collation)
	s.modeChanged()
	s.useDatabase(c.Database)
	s.untold()
	return s
}

// ID is the connection id that the client was given.
func (s *Session) ID() uint32 { return s.id }

// Serve runs the client's commands until it leaves, idles too long, is killed, or, once draining is closed, stands
// between transactions; then whatever the session holds is rolled back and given up.
func (s *Session) Serve(draining <-chan struct{}) {
	ctx := context.Background() // a statement is ended by Kill, not by a context: that would cost it a watcher
	s.draining = draining
	defer s.end(ctx)
	for {
		if err := s.arm(ctx); err != nil {
			return
		}
		cmd, payload, err := s.client.ReadCommand()
		refused, _ := errors.AsType[*wire.Refused](err)
		if err != nil && refused == nil {
			s.readFailed(ctx, err)
			return
		}
		if err := s.received(); err != nil {
			return
		}
		if !s.begin(cmd) {
			s.refuse(s.verdict())
			return
		}
		if refused != nil {
			err = s.answerRefused(refused)
		} else {
			err = s.dispatch(ctx, cmd, payload)
		}
		if err == nil || s.client.Completed() {
			err = errors.Join(err, s.client.Flush())
		}
		goesOn := s.finish()
		if !goesOn && err == nil && s.drains() && !s.parted {
			s.sendOff(ctx) // the command was answered before the end of the drain could strike it
			return
		}
		if !goesOn || err != nil {
			if err != nil && !errors.Is(err, errQuit) {
				s.srv.Log.Debug("client connection ends", zap.Uint32("connection", s.id), zap.Error(err))
			}
			return
		}
	}
}

// errQuit is COM_QUIT.
var errQuit = errors.New("session: quit")

// drains reports whether the process is to end.
func (s *Session) drains() bool {
	select {
	case <-s.draining:
		return true
	default:
		return false
	}
}

// arm sets the deadline until which the next command has to come, counted from the end of the last. To set it costs
// more than all else that a statement has to do with time: one that ends a little later than it should is left alone.
func (s *Session) arm(ctx context.Context) error {
	if err := s.over(ctx); err != nil {
		return err
	}
	if v := s.state.Version(); v != s.patienceOf {
		s.patienceOf = v
		s.setPatience()
	}
	timeout := s.patience
	var until time.Time // none
	if timeout > 0 {
		until = s.since.Add(timeout) // since is written by this goroutine only
		late := min(timeout/8, time.Second)
		if !s.deadline.Before(until) && !s.deadline.After(until.Add(late)) {
			return nil
		}
		until = until.Add(late)
	} else if s.deadline.IsZero() {
		return nil
	}
	s.deadline = until
	if err := s.conn.SetReadDeadline(until); err != nil {
		return err
	}
	return s.over(ctx) // Kill and Drain set a deadline too, which may just have been undone
}

// over tells the client that the session ends, if it does, between two commands.
func (s *Session) over(ctx context.Context) error {
	switch {
	case s.drains() && (!s.midway() || s.killState() == killConnection):
		s.sendOff(ctx)
	case s.killState() == killConnection:
		s.refuse(s.verdict())
	default:
		return nil
	}
	return errQuit
}

// readFailed tells the client why its connection ends, where there is something to tell.
func (s *Session) readFailed(ctx context.Context, err error) {
	var sql *sqlerr.Error
	switch {
	case errors.Is(err, io.EOF):
	case errors.As(err, &sql):
		s.refuse(sql)
	case s.drains():
		s.sendOff(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded) && s.killState() == killConnection:
		s.refuse(sqlerr.ConnectionKilled())
	case errors.Is(err, os.ErrDeadlineExceeded) && s.paced:
		s.refuse(sqlerr.ReadTimeout())
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.srv.Log.Debug("client idle for too long", zap.Uint32("connection", s.id))
	}
}

// refuse sends a last error, without patience.
func (s *Session) refuse(e *sqlerr.Error) {
	_ = s.conn.SetWriteDeadline(time.Now().Add(lastWrite))
	s.client.NextAnswer()
	if s.client.Send(wire.Err{Error: e}) == nil {
		_ = s.client.Flush()
	}
}

// end rolls back and gives everything up.
func (s *Session) end(ctx context.Context) {
	s.letGo(ctx)
	s.prepared.closeAll()
	for name := range s.named {
		s.forgetNamed(name)
	}
	s.memory.Release(s.state.UserVarBytes() + shardValueWeight(s.shardValues))
	s.followSavepoints()
	s.client.Release()
	if s.visit != nil {
		s.visit.End()
	}
}

// letGo rolls back and gives up the connections that the session holds.
func (s *Session) letGo(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if s.txn != nil {
		_ = s.txn.Rollback(ctx) // a branch that cannot is destroyed with its connection
		s.txn = nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		h.drop()
	}
	s.held = nil
}

// begin notes the command for SHOW PROCESSLIST and reports whether the session may run it: a command that comes in just
// after the KILL wakes the reader before the KILL's deadline does.
func (s *Session) begin(cmd wire.Command) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.command, s.shown, s.since, s.status = cmd, s.shown[:0], time.Now(), "executing"
	s.ahead = s.client.Buffered() > 0
	return s.killed != killConnection
}

// finish notes the end of the command and reports whether the session goes on.
func (s *Session) finish() bool {
	s.slim()
	s.followSavepoints()
	now, pins := time.Now(), s.pinReasons()
	if s.command == wire.ComQuery || s.command == wire.ComStmtExecute { // both are written by this goroutine alone
		s.srv.Meter.Took(now.Sub(s.since))
	}
	s.observedEnd(now, pins)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.command, s.shown, s.since, s.status = wire.ComSleep, s.shown[:0], now, ""
	clear(s.lent)
	s.lent = s.lent[:0]
	s.pins, s.dbShown, s.user, s.waitedFor = pins, s.db, s.who.User, s.midway()
	if s.killed == killQuery {
		s.killed = alive
	}
	return s.killed == alive
}

// dispatch runs one command. An error ends the session; what the client is to know has been written.
func (s *Session) dispatch(ctx context.Context, cmd wire.Command, payload []byte) error {
	switch cmd {
	case wire.ComQuery:
		return s.comQuery(ctx, payload)
	case wire.ComStmtExecute:
		return s.comStmtExecute(ctx, payload)
	case wire.ComStmtPrepare:
		return s.comStmtPrepare(ctx, payload)
	case wire.ComStmtClose:
		return s.comStmtClose(payload)
	case wire.ComStmtReset:
		return s.comStmtReset(ctx, payload)
	case wire.ComStmtSendLongData:
		return s.comStmtSendLongData(payload)
	case wire.ComStmtFetch:
		return s.comStmtFetch(ctx, payload)
	case wire.ComPing:
		return s.respond(nil)
	case wire.ComQuit:
		return errQuit
	case wire.ComInitDB:
		return s.respond(s.use(ctx, string(payload)))
	case wire.ComFieldList:
		return s.comFieldList(ctx, payload)
	case wire.ComStatistics:
		return s.comStatistics()
	case wire.ComProcessKill:
		return s.comProcessKill(payload)
	case wire.ComResetConnection:
		return s.respond(s.reset(ctx))
	case wire.ComChangeUser:
		return s.comChangeUser(ctx, payload)
	case wire.ComSetOption:
		return s.comSetOption(payload)
	case wire.ComDebug:
		return s.sendEnd(&wire.OK{})
	}
	return s.writeError(sqlerr.UnknownCommand())
}

// respond answers a command that has no result of its own.
func (s *Session) respond(err error) error {
	if err != nil {
		return s.writeError(err)
	}
	s.diag.rowCount = 0
	return s.sendOK(&wire.OK{})
}
