// Package config is how a heddle process is told what to be: one file, heddle.yaml, with environment variables over
// it and command-line flags over those. One table (see Fields) names every field; parsing, checking, the
// documentation and the flags are all made from it.
//
// It is not where rules, users or shards are declared (that is router/rule, versioned and shared by all instances),
// it opens no connection, and it never holds the value of a secret, only the reference. Level: sidecar.
package config

import (
	"path/filepath"
	"time"

	"github.com/heddle-mesh/heddle/router/rule"
)

// Size is a number of bytes; written "64MiB".
type Size int64

// Config is everything one process is told at its start. The zero value is not useful: Default and Load make one.
// What each field means, its unit and its default stand in the table in table.go and nowhere else.
type Config struct {
	Instance     Instance
	Listen       Listen
	Server       Server
	Limits       Limits
	Transactions Transactions
	Drain        Drain
	Etcd         Etcd
	Rules        Rules
	Users        Users
	State        State
	Pool         Pool
	Memory       Memory
	Spill        Spill
	PlanCache    PlanCache
	Log          Log
	Admin        Admin
	Digests      Digests
	SlowLog      SlowLog
	Tracing      Tracing
	RPC          RPC
	Switchover   Switchover

	origins map[string]Origin // field name → who set it; a field that is missing has its default
}

// Instance says who this process is among its like.
type Instance struct {
	Name   string // empty in the file: Load fills in the host name
	Zone   string
	Labels map[string]string
	// Address is where peers reach it; empty: the first of Listen.Address.
	Address string
	// PeerAddress is where it listens for the other instances; empty: on any port of Address's host.
	PeerAddress string
	Offline     string // "serve" or "fence"
}

// Listen is where clients come in.
type Listen struct {
	Address []string
	TLS     ListenTLS
}

// ListenTLS is the certificate shown to clients.
type ListenTLS struct {
	Cert, Key string
	CA        string // verifies client certificates
	Required  bool
}

// Server is what heddle claims to be.
type Server struct {
	Version string
	Flavour string // "auto", "mariadb" or "mysql"
	// SettingsOf is the data source whose defaults of sessions hold everywhere; empty: the first.
	SettingsOf string
}

// Limits protect the process from its clients.
type Limits struct {
	MaxConnections   int
	WaitTimeout      time.Duration
	MaxAllowedPacket Size
	FanOut           int
	PlacementWait    time.Duration
}

// Transactions are those over several data sources.
type Transactions struct {
	Type           string // "auto", "local" or "xa"
	KeepStatements bool
	LockPatience   time.Duration // of a transaction with locks on several servers
}

// Drain is the orderly end.
type Drain struct{ Deadline time.Duration }

// Switchover is the account by which a planned switch of a primary enters its servers, and that by which they enter each other.
type Switchover struct {
	User                string
	Password            rule.Secret
	ReplicationUser     string
	ReplicationPassword rule.Secret
}

// Etcd is where the mesh's documents are.
type Etcd struct {
	Endpoints []string
	Prefix    string
	User      string
	Password  rule.Secret
	TLS       EtcdTLS
	Timeout   time.Duration
}

// EtcdTLS protects the connection to etcd; any of them set turns TLS on.
type EtcdTLS struct{ CA, Cert, Key string }

// Rules are rule documents on disk, in place of etcd.
type Rules struct{ File []string }

// Users is the users document on disk, in place of etcd.
type Users struct{ File string }

// State is where the last good documents are kept.
type State struct{ Dir string }

// Pool bounds the connections to one data source; a rule document may say otherwise for a single one.
type Pool struct {
	Max            int
	MinIdle        int
	IdleTimeout    time.Duration
	MaxLifetime    time.Duration
	WaitTimeout    time.Duration
	ConnectTimeout time.Duration
	HangTimeout    time.Duration
	SilenceTimeout time.Duration
}

// Memory is what results may occupy.
type Memory struct{ Query, Session, Process Size }

// Spill is where what exceeds Memory goes.
type Spill struct {
	Dir   string // empty: "spill" under State.Dir; see SpillDir
	Quota Size
}

// PlanCache bounds compiled plans.
type PlanCache struct{ Size Size }

// Log is how the process reports.
type Log struct{ Level, Format string }

// Admin is the HTTP side for operators.
type Admin struct{ Address string }

// RPC is where calls come in, beside statements.
type RPC struct {
	Address        []string          // none: no calls are taken
	Protocols      map[string]string // that clients of an address may speak, with spaces between them; not there: all but tcp
	File           string
	AddressFile    string   // "": none
	Pool           []string // who takes calls while this process does not
	MaxConnections int
	HeadSize       Size
	FrameSize      Size // of Bolt and Dubbo
	IdleTimeout    time.Duration
	HeadTimeout    time.Duration
	SilenceTimeout time.Duration
	Log            string   // "none", "failed" or "all"
	LogFields      []string // what is logged of a call beside: trace, protocol, colour, query, header:NAME; what is not: -client
	Registration   bool     // of servers, over HTTP at admin.address
	Colour         string   // the field by which calls tell theirs; "": they have none
	TieStatements  string   // to calls: "none", "trace" or "all"
	TLS            RPCTLS
}

// RPCTLS is how calls are encrypted on their way in.
type RPCTLS struct {
	Cert, Key []string // none: they are not
	CA        string
	Mode      string   // "permissive" or "strict"
	StrictOn  []string // of RPC.Address, where the mode is permissive
}

// Digests bounds what is counted of statements by shape.
type Digests struct{ Size Size }

// SlowLog is where statements that took long are written.
type SlowLog struct {
	Threshold time.Duration
	File      string
	Text      string // "normalised" or "full"
	Rate      int
}

// Tracing is where traces of statements are sent.
type Tracing struct {
	Endpoint string
	TLS      bool
	OneIn    int
}

// TakesStatements says whether clients of the MySQL protocol are served. Where they are not, the process carries calls alone: it has no rules, users and data sources.
func (c *Config) TakesStatements() bool { return len(c.Listen.Address) > 0 }

// UsesEtcd reports whether documents come from etcd rather than from files.
func (c *Config) UsesEtcd() bool { return len(c.Etcd.Endpoints) > 0 }

// SpillDir is the directory of temporary files, the default filled in.
func (c *Config) SpillDir() string {
	if c.Spill.Dir != "" {
		return c.Spill.Dir
	}
	return filepath.Join(c.State.Dir, "spill")
}
