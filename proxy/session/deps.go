package session

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/heddle-mesh/heddle/governance/journal"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/backend"
	"github.com/heddle-mesh/heddle/proxy/digest"
	"github.com/heddle-mesh/heddle/proxy/merge"
	"github.com/heddle-mesh/heddle/proxy/replica"
	"github.com/heddle-mesh/heddle/proxy/sysview"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/router/sharding"
	"github.com/heddle-mesh/heddle/txn"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Catalogs gives what planning knows. A Snapshot is pinned for a statement.
type Catalogs interface {
	// Current returns the newest snapshot.
	Current() *catalog.Snapshot
	// Load has the schemas of tables read from their servers and returns a snapshot that knows them; a table that
	// does not exist is known not to.
	Load(ctx context.Context, names []router.Name) (*catalog.Snapshot, error)
	// LoadPrograms has the stored programs of a database read from data sources and returns a snapshot that knows them.
	LoadPrograms(ctx context.Context, need *router.NeedPrograms) (*catalog.Snapshot, error)
	// Forget drops what is known of tables and of the database's stored programs after DDL; without tables, of all the
	// database's.
	Forget(database string, tables ...string)
	// Epoch changes with every Forget: what was read from servers before may have changed.
	Epoch() uint64
}

// Pools lends connections.
type Pools interface {
	// AcquireFor lends a connection.
	AcquireFor(ctx context.Context, r backend.Request) (*backend.Lease, error)
	// AcquireAll lends several to one statement, so that two statements never wait for each other's.
	AcquireAll(ctx context.Context, requests []backend.Request) ([][]*backend.Lease, error)
	// Up reports whether a data source's server, as far as is known, lets connections in.
	Up(dataSource string) bool
}

// Admitter decides whether a statement may run now.
type Admitter interface {
	// Admit waits for its turn within a bound and returns what ends it.
	Admit(ctx context.Context, user string) (release func(), err error)
}

// Gate closes tables while the place of their rows changes.
type Gate interface {
	// Join makes a session known. cut ends the session; other goroutines call it.
	Join(cut func()) Visit
}

// Visit is a session at the Gate. Its methods are called by the session's goroutine.
type Visit interface {
	// Enter waits, within a bound, until none of the tables is closed and goes inside; after an error it is not. It may
	// be called again before Leave, for more tables.
	Enter(ctx context.Context, tables []plan.TableVersion) error
	// Leave goes outside of all tables.
	Leave()
	// End makes the session unknown.
	End()
}

// Transactions begins transactions that commit on all of their data sources or on none. txn.Manager is one.
type Transactions interface {
	// Begin returns an open transaction without a branch.
	Begin(o txn.Options) *txn.Txn
	// Unfit is why some data source cannot have part in one; nil: all can.
	Unfit() error
	// Delivered waits until what is committed is to be seen on a data source.
	Delivered(ctx context.Context, p txn.Pending) error
	// Holder is the data source on which a branch is to be seen; false: none has its log any more.
	Holder(p txn.Pending) (dataSource string, known bool)
	// Waits reports whether a connection of a data source's primary has waited for a lock for so long. It is asked over connections that no
	// client's statement has.
	Waits(ctx context.Context, dataSource string, conn uint32, patience time.Duration) (bool, error)
	// Atomic opens the snapshots of a transaction that only reads, so that they show no half of another one, or returns txn.ErrUnsettled.
	Atomic(ctx context.Context, t *txn.Txn, ask txn.Ask) error
}

// XA is what clients' own XA statements are run by. txn.Manager is one.
type XA interface {
	// Alone reports whether nothing is kept on servers, as where there is one data source: then clients cannot begin any.
	Alone() bool
	// BeginClient begins the transaction that XA START names; home keeps the name.
	BeginClient(ctx context.Context, o txn.Options, home string, name xa.ClientXID) (*txn.Txn, error)
	// FinishClient ends what is prepared, or returns txn.ErrUnknown; own: by this session, whose connections are gone.
	FinishClient(ctx context.Context, name xa.ClientXID, commit, own bool) (late []txn.Pending, err error)
	// PreparedByClients lists what clients have prepared, for XA RECOVER.
	PreparedByClients(ctx context.Context) ([]xa.ClientXID, error)
}

// TransactionAdmin shows operators the transactions that have ended on some data sources only, and finishes them, as `heddle txn` does. Its
// errors are clients'. warn is told what could not be asked.
type TransactionAdmin interface {
	// List has a row for each.
	List(ctx context.Context, warn func(error)) (*Listing, error)
	// Show has a row for each branch of one, and one without a branch where it has ended everywhere.
	Show(ctx context.Context, gtrid string, warn func(error)) (*Listing, error)
	// Resolve finishes one as by, user@host, wants it, and keeps a record of that. It has a row for each branch; an error where one is not finished.
	Resolve(ctx context.Context, by, gtrid string, o txn.Order) (*Listing, error)
}

// Listing is an answer of rows.
type Listing struct {
	Columns []sqltypes.Column
	Rows    []sqltypes.Row
}

// Journal keeps what becomes of DDL over several shards. journal.Journal is one.
type Journal interface {
	// New prepares an entry.
	New() *journal.Entry
	// Begin makes it durable; before that nothing of the statement is sent to a server.
	Begin(ctx context.Context, e *journal.Entry) error
	// End notes the outcomes by target, and that the client has its answer.
	End(ctx context.Context, id string, outcomes map[int]journal.Outcome) error
	// Unfinished is the newest entry of a table whose statement is not done everywhere; nil without one.
	Unfinished(ctx context.Context, table journal.Name) (*journal.Entry, error)
	// Settle takes an entry off the list of unfinished ones.
	Settle(ctx context.Context, id, by, why string) (settled string, err error)
}

// Authenticator logs a client in anew, for COM_CHANGE_USER.
type Authenticator interface {
	// ChangeUser runs the exchange on the client's stream and returns who it is now.
	ChangeUser(client *wire.ServerStream, conn net.Conn, before Identity, salt []byte, request *wire.ChangeUser) (Identity, error)
}

// RuleAdmin makes, changes and ends the documents of logical databases.
type RuleAdmin interface {
	// CreateDatabase brings a document into force by which the database is a schema of its name on source. It returns
	// when this instance runs it; late are live instances that do not after a while.
	CreateDatabase(ctx context.Context, by, name string, source rule.DataSource) (late []string, err error)
	// Document is the document that this instance runs; false without one.
	Document(name string) (RuleDocument, bool)
	// Change brings into force what edit makes of the document in force, as if its author had written it, with the
	// comment: what is invalid, or would lose rows, is refused. It returns as CreateDatabase does.
	Change(ctx context.Context, by, name, comment string, edit func(*rule.Document) error) (RuleChange, error)
	// Import brings a document into force, as Change does.
	Import(ctx context.Context, by, name, comment string, text []byte) (RuleChange, error)
	// DropDatabase ends a document; it returns as CreateDatabase does. One that is gone is no error.
	DropDatabase(ctx context.Context, by, name string) (late []string, err error)
}

// ServerAdmin says for operators which servers are read.
type ServerAdmin interface {
	// Enable has all instances read a replica of a data source again, or no more: then what runs there is broken off and run elsewhere. server
	// is its address, or replica1, replica2, … as the rules list them. It is refused for who has the writes, and for the last that is read. It
	// returns when all living instances do so; late are those that do not after a while, with why.
	Enable(ctx context.Context, by, dataSource, server string, enable bool) (late []string, err error)
}

// RuleDocument is a document as it is in force.
type RuleDocument struct {
	Text []byte
	Made bool   // CreateDatabase made it, and nobody has changed it since
	Ends string // how an operator ends it, for a sentence
}

// RuleChange is what came of a change.
type RuleChange struct {
	Version   int64 // in force now
	Unchanged bool  // it said the same already
	Late      []string
	Notes     []string // for the author
}

// Peers finds other sessions, for KILL and SHOW PROCESSLIST.
type Peers interface {
	// Kill ends a session's statement, or the session. It returns sqlerr.NoSuchThread, or KillDenied.
	Kill(by Identity, id uint32, query bool) error
	// List returns the sessions of this instance.
	List() []Info
	// Everywhere returns those of all instances that the account sees, and the names of instances that did not answer in time.
	Everywhere(by Identity) (all []Info, silent []string)
}

// Meter counts what sessions do. Its methods are called for every statement: they neither wait nor allocate.
type Meter interface {
	// Statement counts a statement that is about to be run.
	Statement(kind parser.Kind)
	// Took notes the time of a query or an execution, up to the last byte of its answer.
	Took(d time.Duration)
	// Failed counts an error that a client was sent.
	Failed(code uint16)
	// Ended is told of each statement that has ended. x is the session's again when it returns.
	Ended(x *digest.Execution)
}

// Tracer begins traces.
type Tracer interface {
	// Begin begins with a statement, or returns nil: it is not sampled. parent is a traceparent that came with it; "": none.
	Begin(parent string, began time.Time) Trace
}

// Trace is the steps of one statement. It belongs to the session's goroutine.
type Trace interface {
	// ID names it.
	ID() string
	// Step notes a step that has ended.
	Step(name string, from, to time.Time)
	// Shard begins with a unit that is sent, and returns the traceparent for its server and what ends it.
	Shard(dataSource string) (traceparent string, over func(failed bool))
	// Transaction notes how a transaction over several data sources has ended, or was prepared by its client.
	Transaction(gtrid string, phases []txn.Phase)
	// End ends it.
	End(x *digest.Execution)
}

// unmetered is the Meter of who has none.
type unmetered struct{}

func (unmetered) Statement(parser.Kind)   {}
func (unmetered) Took(time.Duration)      {}
func (unmetered) Failed(uint16)           {}
func (unmetered) Ended(*digest.Execution) {}

// Cache keeps statements by their key.
type Cache interface {
	// Get returns the statement of a key; the key is not kept.
	Get(key []byte) (*Statement, bool)
	// Put keeps a statement, or not, as the cache's budget allows; the key is copied.
	Put(key []byte, st *Statement)
}

// Server is what all sessions of a listener share.
type Server struct {
	Catalogs     Catalogs
	Pools        Pools
	Replicas     *replica.Set // nil: all statements go to the primaries
	Planner      *router.Planner
	Keyer        sharding.Keyer // how sharding keys are read; the session adds its charset
	Cache        Cache
	Admitter     Admitter     // nil: everybody at once
	Gate         Gate         // nil: the rules never change
	Transactions Transactions // nil: all are LOCAL
	XA           XA           // nil: clients cannot begin any
	Journal      Journal      // nil: nobody is told what became of DDL but its client
	Rules        RuleAdmin    // makes and ends databases
	Servers      ServerAdmin  // nil: each instance has its rules from files, and no order reaches the others
	Doubts       TransactionAdmin
	// Tables are those of the database heddle, by name; nil: there are none.
	Tables map[string]sysview.Source
	Auth   Authenticator
	Peers  Peers
	Meter  Meter  // nil: nothing is counted
	Tracer Tracer // nil: nothing is traced
	Ties   Ties   // nil: statements are tied to no calls
	Log    *zap.Logger

	Flavour parser.Flavour
	Version string // as the greeting has it
	// OwnVersion is what VERSION() answers where servers would say something else; "" where all of them say the same.
	OwnVersion string
	Hostname   string // of the machine
	Port       int    // of the first listener of TCP
	// Initial are the servers' values of session variables that the proxy itself has to know.
	Initial Initial

	Memory *merge.Budget // of the process
	Spill  *merge.Spill  // nil: nothing goes to disk
	// Collations names the servers' collations by id.
	Collations map[uint16]string
	Config     Config // at the start; see SetConfig
	Start      time.Time

	current atomic.Pointer[Config]
	own     map[parser.Kind]handler
	shows   map[string]handler
	parsing sync.Mutex // held while a long text is parsed
	settled settled
	kept    kept
}

// Init completes a Server whose fields are set. It is called once, before the first session.
func (srv *Server) Init() {
	srv.own, srv.shows = handlers(), shows()
	if srv.Meter == nil {
		srv.Meter = unmetered{}
	}
	srv.SetConfig(srv.Config)
}

// SetConfig is the settings of the sessions that begin from now on. Any goroutine may call it.
func (srv *Server) SetConfig(c Config) { srv.current.Store(&c) }

// Initial are global values of the servers, alike on all of them.
type Initial struct {
	SQLMode           string
	Charset           string // character_set_server
	Collation         string
	CharsetCollations map[string]string // MariaDB's character_set_collations: charset → default collation
	Autocommit        bool
	GroupConcatMaxLen int64
	DivPrecision      int64
	LowerCaseTables   int
	MaxPacket         int64 // the smallest max_allowed_packet
	LogsBinary        bool  // a server has its binary log on: writes have GTIDs
	// Tracking are the session_track_* variables as SHOW VARIABLES prints them.
	Tracking map[string]string
}

// Config are the settings of sessions; all are read anew for each session.
type Config struct {
	WaitTimeout        time.Duration // of an idle client
	InteractiveTimeout time.Duration // of an idle interactive client
	MaxPacket          int           // bytes of a statement
	MaxConnections     int           // clients at the same time
	OffersTLS          bool
	QueryMemory        int64 // bytes that one statement's operators may hold
	FanOut             int   // units of one statement that shards work on at the same time; 0: no bound
	MaxPrepared        int   // prepared statements of a session
	TransactionType    TransactionType
	LockPatience       time.Duration // how long a transaction with locks on several servers waits for a further one
	SessionMemory      int64         // bytes that one session may hold: its statement, its prepared statements, its operators
}
