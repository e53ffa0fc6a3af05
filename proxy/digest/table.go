package digest

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/heddle-mesh/heddle/internal/histogram"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/txn/xa"
)

// Execution is one run of a statement, as the session saw it. It is the session's: who is told of one keeps nothing of it.
type Execution struct {
	// Cell is where the statement keeps its Entry between executions; nil for one that is not kept.
	Cell   *atomic.Pointer[Entry]
	Parsed *parser.Statement // nil: the text could not be read
	Schema string            // the client's
	Opcode Opcode

	Began    time.Time
	Took     time.Duration
	Planning time.Duration // that it was parsed and planned for; 0: the plan was there
	Shards   int           // units that were sent to shards
	Shipped  uint64        // rows that shards sent
	Returned uint64        // rows that the client was sent
	Bytes    int64         // that the client was sent
	Code     uint16        // of the error that the client was sent; 0: none

	Connection uint32
	User, Host string
	Text       []byte // the client's own, cut; valid during the call
	Pins       string // why connections stay with the session
	TraceID    string // of a sampled trace
	// Transaction is the one over several data sources that the statement has ended; the zero value: none.
	Transaction xa.GTRID
}

// Opcode is how a statement ran.
type Opcode uint8

// The opcodes.
const (
	Local   Opcode = iota // answered by the session, with questions to servers at most
	Single                // one unit on one shard
	Scatter               // a read of several shards, merged
	Write                 // a write on several shards
	Parts                 // a statement in parts
	DDL
	opcodes
)

// String is the opcode's name in metrics.
func (o Opcode) String() string {
	return [opcodes]string{"local", "single", "scatter", "write", "parts", "ddl"}[o]
}

// Opcodes are all.
func Opcodes() []Opcode { return []Opcode{Local, Single, Scatter, Write, Parts, DDL} }

// Entry is what is counted of one shape.
type Entry struct {
	// What every execution adds to stands together, in one or two lines of the processor's cache.
	took     atomic.Int64
	shards   atomic.Uint64
	shipped  atomic.Uint64
	returned atomic.Uint64
	last     atomic.Int64 // Unix nanoseconds
	slowest  atomic.Int64
	errors   atomic.Uint64
	planning atomic.Int64
	plans    atomic.Uint64
	gone     atomic.Bool // evicted: it is not counted here any more

	times histogram.Histogram

	id     string
	key    [32]byte
	schema string
	text   string
	kind   parser.Kind
	tables []*TableCount
	first  int64
	bytes  int
}

// Text is the shape, without values.
func (e *Entry) Text() string { return e.text }

// ID is the shape's name.
func (e *Entry) ID() string { return e.id }

// TableCount is what is counted of one logical table.
type TableCount struct {
	Schema, Table string
	Statements    atomic.Uint64
	Errors        atomic.Uint64
	Rows          atomic.Uint64 // sent to clients by statements on it
}

// maxTables bounds the tables that are counted apart. The others are counted together, under names that are empty.
const maxTables = 512

// Table is all entries, within a number of bytes. Any goroutine may use it.
type Table struct {
	capacity int

	mu       sync.RWMutex // guards what follows
	entries  map[[32]byte]*Entry
	bytes    int
	tables   map[[2]string]*TableCount
	others   TableCount
	evicted  uint64 // entries
	dropped  uint64 // executions that they had counted
	normalTo sync.Pool
}

// New returns a table of so many bytes.
func New(capacity int) *Table {
	t := &Table{capacity: capacity, entries: map[[32]byte]*Entry{}, tables: map[[2]string]*TableCount{}}
	t.normalTo.New = func() any { b := make([]byte, 0, 512); return &b }
	return t
}

// Add counts an execution and returns where; nil for a text that could not be read. It does not allocate where the
// statement's cell, or its shape, is known.
func (t *Table) Add(x *Execution) *Entry {
	if x.Parsed == nil {
		return nil
	}
	var e *Entry
	if x.Cell != nil {
		e = x.Cell.Load()
	}
	if e == nil || e.gone.Load() {
		e = t.find(x)
		if x.Cell != nil {
			x.Cell.Store(e)
		}
	}
	e.add(x)
	return e
}

func (e *Entry) add(x *Execution) {
	e.times.Add(x.Took)
	e.took.Add(int64(x.Took))
	e.last.Store(x.Began.UnixNano() + int64(x.Took))
	if x.Shards > 0 {
		e.shards.Add(uint64(x.Shards))
	}
	if x.Shipped > 0 {
		e.shipped.Add(x.Shipped)
	}
	if x.Returned > 0 {
		e.returned.Add(x.Returned)
	}
	for was := e.slowest.Load(); int64(x.Took) > was && !e.slowest.CompareAndSwap(was, int64(x.Took)); {
		was = e.slowest.Load()
	}
	if x.Planning > 0 {
		e.plans.Add(1)
		e.planning.Add(int64(x.Planning))
	}
	if x.Code != 0 {
		e.errors.Add(1)
	}
	for _, table := range e.tables {
		table.Statements.Add(1)
		if x.Returned > 0 {
			table.Rows.Add(x.Returned)
		}
		if x.Code != 0 {
			table.Errors.Add(1)
		}
	}
}

// find returns the entry of a shape, which it makes.
func (t *Table) find(x *Execution) *Entry {
	buf := t.normalTo.Get().(*[]byte)
	defer t.normalTo.Put(buf)
	*buf = append(append((*buf)[:0], x.Schema...), 0)
	*buf = appendNormal(*buf, x.Parsed)
	key := sha256.Sum256(*buf)
	t.mu.RLock()
	e := t.entries[key]
	t.mu.RUnlock()
	if e != nil {
		return e
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[key]; e != nil {
		return e
	}
	e = &Entry{
		id: hex.EncodeToString(key[:8]), key: key, schema: x.Schema, text: string((*buf)[len(x.Schema)+1:]),
		kind: x.Parsed.Kind, first: x.Began.UnixNano(), tables: t.tablesOf(x),
	}
	e.last.Store(e.first)
	e.bytes = int(unsafe.Sizeof(*e)) + len(e.text) + len(e.schema) + 8*len(e.tables) + 128 // the map's cell and the id
	if t.bytes+e.bytes > t.capacity {
		t.evict(e.bytes)
	}
	t.entries[key] = e
	t.bytes += e.bytes
	return e
}

// tablesOf are the counters of a statement's tables. It is called with mu held.
func (t *Table) tablesOf(x *Execution) []*TableCount {
	var out []*TableCount
	for i := range x.Parsed.Tables {
		if x.Parsed.Tables[i].CTE {
			continue
		}
		name := [2]string{x.Parsed.Tables[i].Schema, x.Parsed.Tables[i].Name}
		if name[0] == "" {
			name[0] = x.Schema
		}
		c := t.tables[name]
		if c == nil {
			if len(t.tables) < maxTables {
				c = &TableCount{Schema: name[0], Table: name[1]}
				t.tables[name] = c
			} else {
				c = &t.others
			}
		}
		if !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// evict drops the coldest entries: an eighth of all, so that the sorting is spread over many, and as many more as room is
// wanted for. It is called with mu held.
func (t *Table) evict(room int) {
	all := make([]*Entry, 0, len(t.entries))
	for _, e := range t.entries {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *Entry) int { return int(a.last.Load()>>1 - b.last.Load()>>1) })
	goal := min(t.capacity-t.capacity/8, t.capacity-room)
	for _, e := range all {
		if t.bytes <= goal {
			return
		}
		e.gone.Store(true)
		delete(t.entries, e.key)
		t.bytes -= e.bytes
		t.evicted++
		_, n := e.times.Read()
		t.dropped += n
	}
}
