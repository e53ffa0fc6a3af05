package config

import (
	"math"
	"slices"
	"time"
)

// section is the comment above a group of fields in the documentation.
type section struct {
	name, doc string
	fields    []Field
}

// Fields are all fields in the order of the documentation; the caller owns the slice.
func Fields() []*Field {
	var all []*Field
	for i := range table {
		for j := range table[i].fields {
			all = append(all, &table[i].fields[j])
		}
	}
	return all
}

// Lookup finds a field by its dotted name.
func Lookup(name string) (*Field, bool) {
	all := Fields()
	i := slices.IndexFunc(all, func(f *Field) bool { return f.Name == name })
	if i < 0 {
		return nil, false
	}
	return all[i], true
}

const (
	kib = 1 << 10
	mib = 1 << 20
)

// table is the one list of all fields.
var table = []section{
	{"instance", "Who this process is among the instances of the mesh.", []Field{
		{Name: "instance.name", Kind: Text, Example: "orders-7f9c",
			Doc: "Name in logs, in the process list and in etcd; unique over the live instances. Empty: the host name.",
			at:  func(c *Config) any { return &c.Instance.Name }},
		{Name: "instance.zone", Kind: Text, Example: "eu-1a",
			Doc: "Where it runs: a label that the other instances and `heddle mesh instances` see, and by which a canary of rules is chosen. The balancer zone_first reads replicas there, and calls prefer servers there.",
			at:  func(c *Config) any { return &c.Instance.Zone }},
		{Name: "instance.labels", Kind: Map, Example: "team: checkout",
			Doc: "Free labels, which heddle mesh instances shows, and by which a canary of rules is chosen.",
			at:  func(c *Config) any { return &c.Instance.Labels }},
		{Name: "instance.address", Kind: Address, Example: "10.0.0.7:3307",
			Doc: "Where peers reach it (host:port). Empty: the first listen.address.",
			at:  func(c *Config) any { return &c.Instance.Address }},
		{Name: "instance.peer_address", Kind: Address, Example: "10.0.0.7:3308",
			Doc: "Where it listens (host:port) for the other instances of the mesh, which ask it for SHOW PROCESSLIST and KILL, over TLS by keys of their own. Empty: any port where it listens for clients.",
			at:  func(c *Config) any { return &c.Instance.PeerAddress }},
		{Name: "instance.offline", Kind: Choice, Choices: []string{"serve", "fence"}, Default: "serve",
			Doc: "While etcd has it no more. serve: go on with the rules it has; a change of placement waits for it, alive or not. fence: refuse statements on databases with rules (error 1290); a change of placement goes ahead without it.",
			at:  func(c *Config) any { return &c.Instance.Offline }},
	}},
	{"listen", "Where clients come in.", []Field{
		{Name: "listen.address", Kind: Address, List: true, Default: "127.0.0.1:3307",
			Doc: "Addresses (host:port, or the absolute path of a unix socket) on which the MySQL protocol is spoken. None ([]): no statements are taken, there are no rules, users and data sources, and the process carries calls alone.",
			at:  func(c *Config) any { return &c.Listen.Address }},
		{Name: "listen.tls.cert", Kind: Path, Reload: true, Example: "/etc/heddle/tls.crt",
			Doc: "Certificate chain (PEM) shown to clients. Set together with the key; empty: no TLS is offered.",
			at:  func(c *Config) any { return &c.Listen.TLS.Cert }},
		{Name: "listen.tls.key", Kind: Path, Reload: true, Example: "/etc/heddle/tls.key",
			Doc: "Private key (PEM) of the certificate.",
			at:  func(c *Config) any { return &c.Listen.TLS.Key }},
		{Name: "listen.tls.ca", Kind: Path, Reload: true, Example: "/etc/heddle/clients-ca.crt",
			Doc: "Authorities (PEM) that sign client certificates; a client that shows one must have it from them.",
			at:  func(c *Config) any { return &c.Listen.TLS.CA }},
		{Name: "listen.tls.required", Kind: Bool, Default: "false", Reload: true,
			Doc: "Refuse clients that do not ask for TLS (unix sockets excepted).",
			at:  func(c *Config) any { return &c.Listen.TLS.Required }},
	}},
	{"server", "What heddle says it is.", []Field{
		{Name: "server.version", Kind: Text, Example: "10.11.19-MariaDB",
			Doc: "Version in the handshake and in VERSION(). Empty: that of the oldest backend.",
			at:  func(c *Config) any { return &c.Server.Version }},
		{Name: "server.flavour", Kind: Choice, Choices: []string{"auto", "mariadb", "mysql"}, Default: "auto",
			Doc: "Which server's dialect and error texts are spoken. auto: that of the oldest backend.",
			at:  func(c *Config) any { return &c.Server.Flavour }},
		{Name: "server.settings_of", Kind: Text, Example: "ds_0",
			Doc: "Data source whose sql_mode, time zone and other defaults of sessions all servers' sessions get. Empty: the first by name that answers at the start.",
			at:  func(c *Config) any { return &c.Server.SettingsOf }},
	}},
	{"limits", "What protects the process from its clients.", []Field{
		{Name: "limits.max_connections", Kind: Int, Default: "1000", Unit: "connections", Min: 1, Reload: true,
			Doc: "Clients at the same time; the next one gets error 1040.",
			at:  func(c *Config) any { return &c.Limits.MaxConnections }},
		{Name: "limits.wait_timeout", Kind: Duration, Default: "8h", Min: int64(time.Second), Reload: true,
			Doc: "A client that sends nothing for so long is disconnected, unless it has set wait_timeout itself.",
			at:  func(c *Config) any { return &c.Limits.WaitTimeout }},
		{Name: "limits.max_allowed_packet", Kind: Bytes, Default: "64MiB", Min: kib, Max: 1 << 30, Reload: true,
			Doc: "Largest statement or row; beyond it error 1153. Larger than the backends' own value is of no use.",
			at:  func(c *Config) any { return &c.Limits.MaxAllowedPacket }},
		{Name: "limits.fan_out", Kind: Int, Default: "16", Unit: "shards", Min: 1, Reload: true,
			Doc: "Shards that work on one statement at the same time; the next is asked when one of them begins to answer.",
			at:  func(c *Config) any { return &c.Limits.FanOut }},
		{Name: "limits.placement_wait", Kind: Duration, Default: "15s", Min: int64(time.Millisecond),
			Doc: "How long a statement waits for a table whose rows are being given another place; then it fails with error 1205.",
			at:  func(c *Config) any { return &c.Limits.PlacementWait }},
	}},
	{"transactions", "Those over several data sources.", []Field{
		{Name: "transactions.type", Kind: Choice, Choices: []string{"local", "auto", "xa"}, Default: "auto",
			Doc: "How they commit: xa is on all data sources or on none, and one that cannot have part in that is refused; local is on each by itself, and what did not commit is reported; auto is xa unless a server is seen to be unfit, which heddle.data_sources tells. Where it is not local, and there are several data sources, servers get a schema heddle_mesh; accounts (users document), sessions (SET heddle_transaction_type) and transactions (a hint) may say otherwise.",
			at:  func(c *Config) any { return &c.Transactions.Type }},
		{Name: "transactions.keep_statements", Kind: Bool, Default: "false",
			Doc: "Keep what further branches of an atomic transaction write, as text, beside its decision (table heddle_mesh.txn_statement), for a minute or until all is there: should a failover lose a prepared branch, heddle txn show says what it did, and heddle txn resolve --commit --redo runs it again. Up to 64 KiB a transaction; no round trip and no fsync more.",
			at:  func(c *Config) any { return &c.Transactions.KeepStatements }},
		{Name: "transactions.lock_patience", Kind: Duration, Default: "5s", Min: int64(time.Second), Max: int64(24 * time.Hour), Reload: true,
			Doc: "How long a transaction with locks on several servers waits for a further one; then it is taken for part of a circle that no server sees, and fails with error 1213, rolled back. A read that is atomic by locks waits as long, and then fails with 1205. In whole seconds: a fraction counts as one. A shorter innodb_lock_wait_timeout of the session's ends the wait before, as on one server.",
			at:  func(c *Config) any { return &c.Transactions.LockPatience }},
	}},
	{"drain", "The orderly end.", []Field{
		{Name: "drain.deadline", Kind: Duration, Default: "30s", Reload: true,
			Doc: "After SIGTERM statements and transactions may finish for so long; then their clients get error 1053.",
			at:  func(c *Config) any { return &c.Drain.Deadline }},
	}},
	{"etcd", "Where the mesh keeps its documents. Leave endpoints empty and set rules.file for a process of its own.", []Field{
		{Name: "etcd.endpoints", Kind: Address, List: true, Example: "10.0.0.1:2379",
			Doc: "Addresses (host:port) of the members.",
			at:  func(c *Config) any { return &c.Etcd.Endpoints }},
		{Name: "etcd.prefix", Kind: Text, Default: "/heddle",
			Doc: "Every key begins with it; meshes that share an etcd differ here.",
			at:  func(c *Config) any { return &c.Etcd.Prefix }},
		{Name: "etcd.user", Kind: Text, Example: "heddle",
			Doc: "Account, where etcd asks for one.",
			at:  func(c *Config) any { return &c.Etcd.User }},
		{Name: "etcd.password", Kind: Ref, Example: "env:ETCD_PASSWORD",
			Doc: "Its password.",
			at:  func(c *Config) any { return &c.Etcd.Password }},
		{Name: "etcd.tls.ca", Kind: Path, Example: "/etc/heddle/etcd-ca.crt",
			Doc: "Authorities (PEM) that sign the members' certificates; setting it turns TLS on.",
			at:  func(c *Config) any { return &c.Etcd.TLS.CA }},
		{Name: "etcd.tls.cert", Kind: Path, Example: "/etc/heddle/etcd.crt",
			Doc: "Client certificate (PEM).",
			at:  func(c *Config) any { return &c.Etcd.TLS.Cert }},
		{Name: "etcd.tls.key", Kind: Path, Example: "/etc/heddle/etcd.key",
			Doc: "Private key (PEM) of the client certificate.",
			at:  func(c *Config) any { return &c.Etcd.TLS.Key }},
		{Name: "etcd.timeout", Kind: Duration, Default: "3s", Min: int64(time.Millisecond),
			Doc: "How long one request may take; at the start, how long etcd is waited for before the last good documents are used.",
			at:  func(c *Config) any { return &c.Etcd.Timeout }},
	}},
	{"rules", "Rule documents on disk, for a process without etcd.", []Field{
		{Name: "rules.file", Kind: Path, List: true, Reload: true, Example: "/etc/heddle/shop.yaml",
			Doc: "One file for each logical database. A change that moves rows of existing tables wants a start with --force-placement.",
			at:  func(c *Config) any { return &c.Rules.File }},
	}},
	{"users", "The users document on disk, for a process without etcd.", []Field{
		{Name: "users.file", Kind: Path, Reload: true, Example: "/etc/heddle/users.yaml",
			Doc: "Accounts, their verifiers and databases.",
			at:  func(c *Config) any { return &c.Users.File }},
	}},
	{"state", "What must outlive the process.", []Field{
		{Name: "state.dir", Kind: Path, Default: "/var/lib/heddle",
			Doc: "Directory of the last good documents, with which an instance starts while etcd is away, and of its claims. One process each.",
			at:  func(c *Config) any { return &c.State.Dir }},
	}},
	{"pool", "Connections to each data source; a rule document may say otherwise for a single one.", []Field{
		{Name: "pool.max", Kind: Int, Default: "64", Unit: "connections", Min: 1, Reload: true,
			Doc: "Connections to one data source, all sessions together.",
			at:  func(c *Config) any { return &c.Pool.Max }},
		{Name: "pool.min_idle", Kind: Int, Default: "0", Unit: "connections", Reload: true,
			Doc: "Connections to one data source that are kept open while they have no work, whatever idle_timeout says.",
			at:  func(c *Config) any { return &c.Pool.MinIdle }},
		{Name: "pool.idle_timeout", Kind: Duration, Default: "5m", Min: int64(time.Second), Reload: true,
			Doc: "An idle connection is closed after it; less than the backends' wait_timeout.",
			at:  func(c *Config) any { return &c.Pool.IdleTimeout }},
		{Name: "pool.max_lifetime", Kind: Duration, Default: "1h", Min: int64(time.Second), Reload: true,
			Doc: "A connection of that age is closed when it becomes free.",
			at:  func(c *Config) any { return &c.Pool.MaxLifetime }},
		{Name: "pool.wait_timeout", Kind: Duration, Default: "5s", Reload: true,
			Doc: "How long a statement waits for a free connection before it fails with the data source's name.",
			at:  func(c *Config) any { return &c.Pool.WaitTimeout }},
		{Name: "pool.connect_timeout", Kind: Duration, Default: "3s", Min: int64(time.Millisecond), Reload: true,
			Doc: "How long opening a connection may take, login included.",
			at:  func(c *Config) any { return &c.Pool.ConnectTimeout }},
		{Name: "pool.hang_timeout", Kind: Duration, Default: "4s", Reload: true,
			Doc: "A server that answers nothing for so long, to no statement and not to the question whether it lives, hangs: what waits for it fails, " +
				"and what needs it fails at once until it answers. It is asked on a connection beyond pool.max. 0: it is waited for.",
			at: func(c *Config) any { return &c.Pool.HangTimeout }},
		{Name: "pool.silence_timeout", Kind: Duration, Default: "30s", Min: int64(time.Second), Reload: true,
			Doc: "A new connection is given up, and what waits for it fails, when the server's machine has acknowledged nothing for so long " +
				"(not: when a statement takes long). Ten times as long while a long statement or a file is sent to it: one that waits for a lock takes nothing.",
			at: func(c *Config) any { return &c.Pool.SilenceTimeout }},
	}},
	{"memory", "What results may occupy while the proxy merges them. Relayed rows occupy nothing.", []Field{
		{Name: "memory.query", Kind: Bytes, Example: "64MiB", Min: mib, Reload: true, auto: func() string { return share(64 * mib) },
			Doc: "One statement; beyond it the merge spills to disk, or fails where it cannot. Not set: 64MiB, or less where memory.process is.",
			at:  func(c *Config) any { return &c.Memory.Query }},
		{Name: "memory.session", Kind: Bytes, Example: "128MiB", Min: mib, Reload: true, auto: func() string { return share(128 * mib) },
			Doc: "What one client has its session keep: prepared statements, the parameters sent ahead, user variables, savepoints. Not set: 128MiB, or less where memory.process is.",
			at:  func(c *Config) any { return &c.Memory.Session }},
		{Name: "memory.process", Kind: Bytes, Example: "1GiB", Min: mib, Reload: true, auto: func() string { return share(math.MaxInt64) },
			Doc: "All clients together, with what is made of their statements where they are read. Not set: a quarter of the machine's memory or of its cgroup's, at least 64MiB.",
			at:  func(c *Config) any { return &c.Memory.Process }},
	}},
	{"spill", "Where what exceeds the memory goes.", []Field{
		{Name: "spill.dir", Kind: Path, Example: "/var/tmp/heddle",
			Doc: "Directory of temporary files. Empty: spill under state.dir.",
			at:  func(c *Config) any { return &c.Spill.Dir }},
		{Name: "spill.quota", Kind: Bytes, Default: "4GiB", Reload: true,
			Doc: "Temporary files of all statements together; 0: nothing is spilled, what exceeds the memory fails.",
			at:  func(c *Config) any { return &c.Spill.Quota }},
	}},
	{"plan_cache", "Compiled plans.", []Field{
		{Name: "plan_cache.size", Kind: Bytes, Default: "64MiB", Min: mib, Reload: true,
			Doc: "Memory for plans; those not used for longest make room.",
			at:  func(c *Config) any { return &c.PlanCache.Size }},
	}},
	{"log", "What the process reports, on standard error.", []Field{
		{Name: "log.level", Kind: Choice, Choices: []string{"debug", "info", "warn", "error"}, Default: "info", Reload: true,
			Doc: "The least that is logged.",
			at:  func(c *Config) any { return &c.Log.Level }},
		{Name: "log.format", Kind: Choice, Choices: []string{"json", "console"}, Default: "json",
			Doc: "json for machines, console for people.",
			at:  func(c *Config) any { return &c.Log.Format }},
	}},
	{"admin", "The HTTP side for operators.", []Field{
		{Name: "admin.address", Kind: Address, Default: "127.0.0.1:9307",
			Doc: "Address (host:port) of /healthz, /readyz, /metrics for Prometheus and, to clients on the same machine, /digests and /debug/pprof/. Empty: none.",
			at:  func(c *Config) any { return &c.Admin.Address }},
	}},
	{"digests", "What is counted of statements by their shape: a text without its values, in a schema.", []Field{
		{Name: "digests.size", Kind: Bytes, Default: "8MiB", Min: mib,
			Doc: "Memory for shapes, of about 2.5 KiB each; those not seen for longest make room, which is counted.",
			at:  func(c *Config) any { return &c.Digests.Size }},
	}},
	{"slow_log", "Statements that took long, a JSON object each.", []Field{
		{Name: "slow_log.threshold", Kind: Duration, Default: "0s", Reload: true,
			Doc: "A statement that takes so long, from its arrival to the last byte of its answer, is logged; 0: none is.",
			at:  func(c *Config) any { return &c.SlowLog.Threshold }},
		{Name: "slow_log.file", Kind: Path, Reload: true, Example: "/var/log/heddle/slow.json",
			Doc: "File that lines are appended to; SIGHUP opens it anew, for one that was moved away. Empty: the process's log.",
			at:  func(c *Config) any { return &c.SlowLog.File }},
		{Name: "slow_log.text", Kind: Choice, Choices: []string{"normalised", "full"}, Default: "normalised", Reload: true,
			Doc: "What is logged of a text. With normalised, no value of it, a password neither; with full, the first 1024 bytes of the client's own text too, with what is secret in it.",
			at:  func(c *Config) any { return &c.SlowLog.Text }},
		{Name: "slow_log.rate", Kind: Int, Default: "100", Unit: "lines a second", Reload: true,
			Doc: "Most lines in a second; the rest is counted only. 0: no bound.",
			at:  func(c *Config) any { return &c.SlowLog.Rate }},
	}},
	{"tracing", "OpenTelemetry traces of statements and calls.", []Field{
		{Name: "tracing.endpoint", Kind: Address, Example: "127.0.0.1:4317",
			Doc: "Collector (host:port) that takes OTLP over gRPC. Empty: nothing is traced.",
			at:  func(c *Config) any { return &c.Tracing.Endpoint }},
		{Name: "tracing.tls", Kind: Bool, Default: "false",
			Doc: "Speak TLS with the collector, whose certificate an authority that the machine knows has signed.",
			at:  func(c *Config) any { return &c.Tracing.TLS }},
		{Name: "tracing.one_in", Kind: Int, Default: "0", Unit: "statements",
			Doc: "Of statements and calls that come without a traceparent, one in so many is traced; 0: none. With one, its sampled flag decides.",
			at:  func(c *Config) any { return &c.Tracing.OneIn }},
	}},
	{"rpc", "Calls of services to each other, which the process carries beside statements: HTTP/1.1, HTTP/2, gRPC, SOFA Bolt, Dubbo, described protocols and TCP.", []Field{
		{Name: "rpc.address", Kind: Address, List: true, Example: "127.0.0.1:8080",
			Doc: "Addresses (host:port) on which calls come in. Empty: none.",
			at:  func(c *Config) any { return &c.RPC.Address }},
		{Name: "rpc.address_file", Kind: Path, Example: "/run/heddle/calls",
			Doc: "A file with the addresses at which clients on this machine are to try their calls, one a line, in this order: those of rpc.address, as long as calls are taken there, and those of rpc.pool. It is written as a whole when that changes.",
			at:  func(c *Config) any { return &c.RPC.AddressFile }},
		{Name: "rpc.pool", Kind: Address, List: true, Example: "10.0.0.9:8080",
			Doc: "Other processes that carry the same calls: rpc.address_file sends clients there while this one does not.",
			at:  func(c *Config) any { return &c.RPC.Pool }},
		{Name: "rpc.protocols", Kind: Map, Example: "\"127.0.0.1:8080\": http1 http2", Reload: true,
			Doc: "What clients of an address may speak: http1, http2, grpc (HTTP/2 with calls of gRPC alone), bolt, dubbo, names of protocols that the document describes, or tcp alone (connections as they are), with spaces between them. An address that is not there: all but tcp.",
			at:  func(c *Config) any { return &c.RPC.Protocols }},
		{Name: "rpc.file", Kind: Path, Reload: true, Example: "/etc/heddle/routes.yaml",
			Doc: "Document of clusters and routes. With etcd it is there, by heddle rules apply.",
			at:  func(c *Config) any { return &c.RPC.File }},
		{Name: "rpc.max_connections", Kind: Int, Default: "10000", Min: 1, Unit: "connections", Reload: true,
			Doc: "Most connections of clients; one more is answered 503.",
			at:  func(c *Config) any { return &c.RPC.MaxConnections }},
		{Name: "rpc.head_size", Kind: Bytes, Default: "64KiB", Min: kib, Max: mib, Reload: true,
			Doc: "Longest head of a call: its first line and its fields. A longer one is answered 431.",
			at:  func(c *Config) any { return &c.RPC.HeadSize }},
		{Name: "rpc.frame_size", Kind: Bytes, Default: "8MiB", Min: kib, Max: 1 << 30, Reload: true,
			Doc: "Longest frame of Bolt, Dubbo and protocols that are described, asked or answered. A longer one ends its connection.",
			at:  func(c *Config) any { return &c.RPC.FrameSize }},
		{Name: "rpc.idle_timeout", Kind: Duration, Default: "75s", Min: int64(time.Second), Reload: true,
			Doc: "How long a client's connection may be without a call.",
			at:  func(c *Config) any { return &c.RPC.IdleTimeout }},
		{Name: "rpc.head_timeout", Kind: Duration, Default: "10s", Min: int64(time.Millisecond), Reload: true,
			Doc: "How long a head may take from its first byte to its last. A slower one is answered 408.",
			at:  func(c *Config) any { return &c.RPC.HeadTimeout }},
		{Name: "rpc.silence_timeout", Kind: Duration, Default: "60s", Min: int64(time.Second), Reload: true,
			Doc: "How long either end may send nothing, or take nothing, in the middle of a message.",
			at:  func(c *Config) any { return &c.RPC.SilenceTimeout }},
		{Name: "rpc.log", Kind: Choice, Choices: []string{"none", "failed", "all"}, Default: "failed", Reload: true,
			Doc: "Which calls are logged: those that Heddle itself could not have answered by a server are failed.",
			at:  func(c *Config) any { return &c.RPC.Log }},
		{Name: "rpc.registration", Kind: Bool, Default: "false", Reload: true,
			Doc: "Let servers on the same machine register themselves in etcd by PUT /mesh/clusters/CLUSTER/endpoints/HOST:PORT at admin.address, for clusters that discover by registry.",
			at:  func(c *Config) any { return &c.RPC.Registration }},
		{Name: "rpc.colour", Kind: Text, Reload: true, Example: "x-colour",
			Doc: "The field of a head, or the key of metadata, by which calls tell their colour: routes send each to the subset of its name (subset_by: colour), and it sticks to the calls that are made for its sake. Empty: calls have none.",
			at:  func(c *Config) any { return &c.RPC.Colour }},
		{Name: "rpc.tie_statements", Kind: Choice, Choices: []string{"none", "trace", "all"}, Default: "none", Reload: true,
			Doc: "What statements of clients on the same machine have of the one call that the service there (a cluster with local: true) has under way, where they do not say it themselves: its trace, or its deadline too.",
			at:  func(c *Config) any { return &c.RPC.TieStatements }},
		{Name: "rpc.tls.cert", Kind: Path, List: true, Reload: true, Example: "/etc/heddle/calls.pem",
			Doc: "Certificate chains (PEM) shown to callers: the first that a caller can do with, say one of ECDSA before one of RSA. Set together with the keys; empty: nobody may speak TLS.",
			at:  func(c *Config) any { return &c.RPC.TLS.Cert }},
		{Name: "rpc.tls.key", Kind: Path, List: true, Reload: true, Example: "/etc/heddle/calls.key",
			Doc: "Private keys (PEM) of the certificates, in their order.",
			at:  func(c *Config) any { return &c.RPC.TLS.Key }},
		{Name: "rpc.tls.ca", Kind: Path, Reload: true, Example: "/etc/heddle/mesh.pem",
			Doc: "Authorities (PEM) that sign callers' certificates, whose URI (spiffe://…) is the caller's identity. Empty: nobody is asked for one.",
			at:  func(c *Config) any { return &c.RPC.TLS.CA }},
		{Name: "rpc.tls.mode", Kind: Choice, Choices: []string{"permissive", "strict"}, Default: "permissive", Reload: true,
			Doc: "With permissive, on one port whoever likes speaks TLS, and shows a certificate: the first byte tells. With strict, all have to speak it, and where rpc.tls.ca is set, with a certificate from it.",
			at:  func(c *Config) any { return &c.RPC.TLS.Mode }},
	}},
	{"switchover", "Planned switches of primaries (heddle rw promote), and who finishes one that its command has left.", []Field{
		{Name: "switchover.user", Kind: Text, Example: "switcher",
			Doc: "Account on the servers that may set read_only, and make them follow each other (READ_ONLY ADMIN, REPLICATION SLAVE ADMIN, REPLICA MONITOR, RELOAD). It must not be that of statements, whom read_only has to bind. Empty: this process does no such thing.",
			at:  func(c *Config) any { return &c.Switchover.User }},
		{Name: "switchover.password", Kind: Ref, Example: "env:SWITCHOVER_PASSWORD",
			Doc: "Its password.",
			at:  func(c *Config) any { return &c.Switchover.Password }},
		{Name: "switchover.replication_user", Kind: Text, Example: "replica",
			Doc: "Account by which a former primary follows its successor (REPLICATION SLAVE). Empty: switchover.user. Servers that follow already keep the account that they have.",
			at:  func(c *Config) any { return &c.Switchover.ReplicationUser }},
		{Name: "switchover.replication_password", Kind: Ref, Example: "env:REPLICATION_PASSWORD",
			Doc: "Its password.",
			at:  func(c *Config) any { return &c.Switchover.ReplicationPassword }},
	}},
}
