package catalog

import (
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/heddle-mesh/heddle/router/rule"
)

// Snapshot is everything planning knows, at one moment. It is immutable: every With… method returns another one
// that shares what did not change, so holding one pointer pins the rules under a statement.
type Snapshot struct {
	foldCase bool // table and database names compare without case

	rulesVersion uint64
	databases    map[string]*database // by folded name
	order        []*rule.Layout
	passThrough  *rule.Layout
	lockSource   string

	sequence uint64 // the last table version given
	tables   map[name]*entry

	programsVersion uint64
	programs        map[place]*Programs

	topologyVersion uint64
	topology        map[string]string
}

// database is a layout with its tables indexed by folded name.
type database struct {
	layout     *rule.Layout
	placements map[string]Placement
}

// entry is a table that was looked at; a nil schema says that it does not exist.
type entry struct {
	schema  *TableSchema
	version uint64
}

// name is a folded database and table name.
type name struct{ database, table string }

// New returns an empty snapshot. lowerCaseTableNames is the servers' setting of that name: 0 compares the names of
// databases and tables exactly, 1 and 2 without case.
func New(lowerCaseTableNames int) *Snapshot {
	return &Snapshot{foldCase: lowerCaseTableNames != 0}
}

// RulesVersion changes with every change of rules.
func (s *Snapshot) RulesVersion() uint64 { return s.rulesVersion }

// TopologyVersion changes with every change of addresses. No plan depends on it.
func (s *Snapshot) TopologyVersion() uint64 { return s.topologyVersion }

// FoldsCase reports whether names of databases and tables compare without case.
func (s *Snapshot) FoldsCase() bool { return s.foldCase }

// Layouts lists the resolved documents, in the order they were given.
func (s *Snapshot) Layouts() []*rule.Layout { return s.order }

// Database is the layout of a logical database: its own document's, or the pass-through one, whose databases are
// the data source's schemas, existing or not. It reports false for a database that no document can hold.
func (s *Snapshot) Database(db string) (*rule.Layout, bool) {
	if d, ok := s.databases[s.fold(db)]; ok {
		return d.layout, true
	}
	if strings.EqualFold(db, rule.OwnSchema) {
		return nil, false
	}
	return s.passThrough, s.passThrough != nil
}

// Place says where a table is. It reports false when the database is unknown. A table that no rule names is single:
// where its schema was found, or in the default data source as long as nothing is known of it.
func (s *Snapshot) Place(db, table string) (Placement, bool) {
	d, ok := s.databases[s.fold(db)]
	if !ok {
		if s.passThrough == nil || strings.EqualFold(db, rule.OwnSchema) {
			return Placement{}, false
		}
		n := rule.Node{DataSource: s.passThrough.DefaultDataSource, Schema: db, Table: table}
		return Placement{Kind: KindUnknown, Layout: s.passThrough, Single: n, Unlisted: true}, true
	}
	if p, ok := d.placements[s.fold(table)]; ok {
		return p, true
	}
	return s.placeUnlisted(d.layout, db, table), true
}

// placeUnlisted is Place for a table that the rules do not name.
func (s *Snapshot) placeUnlisted(l *rule.Layout, db, table string) Placement {
	p := Placement{Kind: KindUnknown, Layout: l, Single: l.SingleNode(l.DefaultDataSource, table), Unlisted: true}
	schema, _ := s.Table(db, table)
	if schema == nil || len(schema.FoundOn) == 0 {
		return p
	}
	if schema.Virtual {
		return virtual(l, table, schema.FoundOn)
	}
	p.Kind = KindSingle
	p.Single = l.SingleNode(schema.FoundOn[0], table)
	if len(schema.FoundOn) > 1 {
		p.Conflict = schema.FoundOn
	}
	return p
}

// virtual is the place of a table that each of the data sources makes up.
func virtual(l *rule.Layout, table string, dataSources []string) Placement {
	t := &rule.BroadcastTable{Name: table}
	for _, ds := range dataSources {
		t.Nodes = append(t.Nodes, l.SingleNode(ds, table))
	}
	return Placement{Kind: KindBroadcast, Layout: l, Broadcast: t, Virtual: true}
}

// Table is a table's schema. known is false when nobody looked yet: the planner then asks for it. A known table
// without a schema does not exist.
func (s *Snapshot) Table(db, table string) (schema *TableSchema, known bool) {
	e, ok := s.tables[s.name(db, table)]
	if !ok {
		return nil, false
	}
	return e.schema, true
}

// TableVersion changes whenever what Table answers does; 0 while the table is not known. A plan that names the
// table is valid as long as it and RulesVersion stay.
func (s *Snapshot) TableVersion(db, table string) uint64 {
	if e, ok := s.tables[s.name(db, table)]; ok {
		return e.version
	}
	return 0
}

// Address is a data source's address.
func (s *Snapshot) Address(dataSource string) (string, bool) {
	a, ok := s.topology[dataSource]
	return a, ok
}

// LockSource is the data source on which user locks (GET_LOCK and its kin) are taken, whatever database a session is in: the
// first by name of all documents, which every instance that has the same documents chooses alike.
func (s *Snapshot) LockSource() string { return s.lockSource }

// WithRules returns a snapshot with these layouts and no others. Table schemas of databases whose layout is another
// one are forgotten: they may have been read elsewhere.
func (s *Snapshot) WithRules(version uint64, layouts []*rule.Layout) (*Snapshot, error) {
	n := *s
	n.rulesVersion, n.databases, n.passThrough = version, make(map[string]*database, len(layouts)), nil
	n.order, n.lockSource = append([]*rule.Layout(nil), layouts...), ""
	for _, l := range layouts {
		for i := range l.DataSources {
			if name := l.DataSources[i].Name; n.lockSource == "" || name < n.lockSource {
				n.lockSource = name
			}
		}
		if l.Database == "" {
			if n.passThrough != nil {
				return nil, fmt.Errorf("catalog: two documents without a database name")
			}
			n.passThrough = l
			continue
		}
		key := n.fold(l.Database)
		if _, dup := n.databases[key]; dup {
			return nil, fmt.Errorf("catalog: two documents for database %q", l.Database)
		}
		d, err := n.index(l)
		if err != nil {
			return nil, err
		}
		n.databases[key] = d
	}
	n.tables = make(map[name]*entry, len(s.tables))
	for k, e := range s.tables {
		if s.layoutOf(k.database) == n.layoutOf(k.database) {
			n.tables[k] = e
		}
	}
	n.programs = make(map[place]*Programs, len(s.programs))
	for k, p := range s.programs {
		if s.layoutOf(k.database) == n.layoutOf(k.database) {
			n.programs[k] = p
		}
	}
	return &n, nil
}

func (s *Snapshot) layoutOf(folded string) *rule.Layout {
	if d, ok := s.databases[folded]; ok {
		return d.layout
	}
	return s.passThrough
}

// index lists a layout's tables by folded name.
func (s *Snapshot) index(l *rule.Layout) (*database, error) {
	d := &database{layout: l, placements: map[string]Placement{}}
	add := func(table string, p Placement) error {
		key := s.fold(table)
		if _, dup := d.placements[key]; dup {
			return fmt.Errorf("catalog: database %q names table %q twice", l.Database, table)
		}
		p.Layout = l
		d.placements[key] = p
		return nil
	}
	for _, t := range l.Tables {
		if err := add(t.Name, Placement{Kind: KindSharded, Sharded: t}); err != nil {
			return nil, err
		}
	}
	for _, t := range l.Broadcast {
		if err := add(t.Name, Placement{Kind: KindBroadcast, Broadcast: t}); err != nil {
			return nil, err
		}
	}
	for _, t := range l.Single {
		if err := add(t.Name, Placement{Kind: KindSingle, Single: t.Node}); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// WithTables returns a snapshot that knows these schemas too. A schema equal to the known one keeps its version;
// any other gets a new one. The arguments are copied and their Version ignored.
func (s *Snapshot) WithTables(schemas ...TableSchema) *Snapshot {
	n := *s
	n.tables = maps.Clone(s.tables)
	if n.tables == nil {
		n.tables = make(map[name]*entry, len(schemas))
	}
	for _, t := range schemas {
		key := n.name(t.Database, t.Name)
		if e, ok := n.tables[key]; ok && e.schema != nil {
			t.Version = e.version
			if reflect.DeepEqual(*e.schema, t) {
				continue
			}
		}
		n.sequence++
		t.Version = n.sequence
		n.tables[key] = &entry{schema: &t, version: t.Version}
	}
	return &n
}

// WithoutTable returns a snapshot that knows that the table does not exist.
func (s *Snapshot) WithoutTable(db, table string) *Snapshot {
	key := s.name(db, table)
	if e, ok := s.tables[key]; ok && e.schema == nil {
		return s
	}
	n := *s
	n.tables = maps.Clone(s.tables)
	if n.tables == nil {
		n.tables = map[name]*entry{}
	}
	n.sequence++
	n.tables[key] = &entry{version: n.sequence}
	return &n
}

// Forget returns a snapshot that has not looked at the tables yet, nor at the database's stored programs: after DDL. No
// table names forget all tables of the database.
func (s *Snapshot) Forget(db string, tables ...string) *Snapshot {
	n := *s
	n.tables = maps.Clone(s.tables)
	n.forgetPrograms(s.fold(db))
	if len(tables) == 0 {
		folded := s.fold(db)
		maps.DeleteFunc(n.tables, func(k name, _ *entry) bool { return k.database == folded })
	}
	for _, t := range tables {
		delete(n.tables, s.name(db, t))
	}
	return &n
}

// WithTopology returns a snapshot with these addresses, by data source.
func (s *Snapshot) WithTopology(version uint64, addresses map[string]string) *Snapshot {
	n := *s
	n.topologyVersion, n.topology = version, maps.Clone(addresses)
	return &n
}

func (s *Snapshot) fold(n string) string {
	if s.foldCase {
		return strings.ToLower(n)
	}
	return n
}

func (s *Snapshot) name(db, table string) name { return name{s.fold(db), s.fold(table)} }

// same reports whether two names of tables or databases are one.
func (s *Snapshot) same(a, b string) bool { return s.fold(a) == s.fold(b) }
