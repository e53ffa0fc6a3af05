package rule

import (
	"time"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// Format is the newest document format this package reads and the one it writes.
const Format = 1

// OwnSchema is where each server keeps Heddle's own tables. No document names it, and no client sees it.
const OwnSchema = "heddle_mesh"

// Document is the rule document of one logical database. Lists keep the order in which the operator wrote them:
// the order of data sources decides whose error wins, the order of shards decides the node numbers of mod, range
// and the like, so both belong to the meaning.
type Document struct {
	Format int // 0 in a document that does not say reads as Format

	// Database is the logical database's name. Empty: pass-through, each schema of the one data source is a
	// logical database of its own name; nothing can be sharded then.
	Database string

	Defaults    Defaults
	DataSources []DataSource
	Shards      []Shard // empty: every data source named in Slots is a shard of its own name
	Slots       []SlotAssignment
	Tables      []Table
	Binding     [][]string // groups of sharded tables that are placed alike
	Broadcast   []string   // tables with a full copy on every data source
	Single      []SingleTables
	Splitting   *Splitting // nil: all statements go to the primaries

	source *source // where it was read from; nil for a document built in Go
}

// Defaults are what tables and data sources take where they say nothing.
type Defaults struct {
	DataSource string         // of single tables; empty: the first data source
	Algorithm  *AlgorithmSpec // of tables; nil: hash_slot where slots are declared, hash_mod elsewhere
	Generator  *Generator     // type and properties, without column; nil: snowflake
	User       string         // of data sources
	Password   Secret         // of data sources that take the default user
}

// DataSource is one schema on one server (and its replicas).
type DataSource struct {
	Name     string
	Address  string // host:port, [v6]:port, or a unix socket's absolute path
	Schema   string // physical schema; empty: the logical database's name
	User     string // empty: Defaults.User
	Password Secret // empty: no password
	Zone     string // where the server of Address is; "": nobody has said
	Replicas []Replica
	// Splitting is the document's where the data source has replicas; in a Layout only.
	Splitting *Splitting
	TLS       *TLS // nil: the connection is in clear
	Pool      Pool
}

// Replica is a server that follows a data source's primary; account, schema and TLS are the data source's. Nothing is sent
// to it unless the document has a Splitting: see UnreadReplicas.
type Replica struct {
	Address string
	Weight  int    // share of reads; 0 reads as 1
	Zone    string // where it is; "": nobody has said
}

// TLS says how a backend connection is protected. The modes are those of MySQL's own clients.
type TLS struct {
	Mode       TLSMode
	CA         string // path of a PEM file; empty: the system's roots
	Cert       string // path of the client certificate
	Key        string // path of the client key
	ServerName string // name to verify; empty: the address's host
}

// TLSMode is how much of the server's identity is checked.
type TLSMode string

// The TLS modes.
const (
	TLSDisabled       TLSMode = "disabled"
	TLSPreferred      TLSMode = "preferred"       // where the server offers it, nothing verified
	TLSRequired       TLSMode = "required"        // always, nothing verified
	TLSVerifyCA       TLSMode = "verify_ca"       // the chain is verified
	TLSVerifyIdentity TLSMode = "verify_identity" // the chain and the name
)

// Pool bounds the connections to one data source per instance. Zero values mean the process's defaults.
type Pool struct {
	Max     int           // connections, all sessions together
	MinIdle int           // kept open
	Budget  int           // connections of all instances together to each server; 0: nobody counts them together
	Least   int           // that an instance may have of Budget, however many there are; 0 reads as 1
	Wait    time.Duration // for a free connection, before the statement fails
	Idle    time.Duration // before an idle connection is closed
	Life    time.Duration // of a connection, whatever it does
}

// Shard is the place of a range of slots: a data source, and a table suffix where several shards share one.
type Shard struct {
	Name       string
	DataSource string
	Suffix     *int // table t is t_<suffix> there; nil: t itself
}

// SlotAssignment gives slots to a shard. All assignments together cover 0..16383 exactly once.
type SlotAssignment struct {
	Shard  string
	Ranges []SlotRange
}

// SlotRange is First..Last, both included.
type SlotRange struct{ First, Last int }

// Table is a sharded table.
type Table struct {
	Name      string
	Key       []string       // sharding key columns, in order; empty only for hint
	KeyTypes  []string       // SQL types of the key columns, where the operator states them; else read from the shards
	Algorithm *AlgorithmSpec // nil: Defaults.Algorithm
	Nodes     []string       // patterns of actual tables, "ds_${0..1}.orders_${0..3}"; empty: one per shard
	Generate  *Generator     // the column that Heddle fills; nil: none

	UniquePerShard       bool // "unique: per_shard": a unique key without the sharding key holds on each shard only
	ForeignKeysUnchecked bool // "foreign_keys: unchecked": a foreign key may leave the binding group
}

// AlgorithmSpec names a sharding algorithm and its properties.
type AlgorithmSpec struct {
	Type       string
	Properties sharding.Properties
}

// Generator names a column and the key generator that fills it where a statement gives no value.
type Generator struct {
	Column     string
	Type       string // snowflake, segment, uuid; empty: Defaults.Generator
	Properties sharding.Properties
}

// SingleTables states where unsharded tables are. A table listed nowhere is single in the default data source.
type SingleTables struct {
	DataSource string
	Tables     []string
}
