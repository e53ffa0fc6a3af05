package catalog

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
)

// ProgramKind is what a stored text is.
type ProgramKind string

// The kinds, as the servers name them.
const (
	Procedure   ProgramKind = "PROCEDURE"
	Function    ProgramKind = "FUNCTION"
	Package     ProgramKind = "PACKAGE"
	PackageBody ProgramKind = "PACKAGE BODY"
	Trigger     ProgramKind = "TRIGGER"
	Event       ProgramKind = "EVENT"
	ViewText    ProgramKind = "VIEW"
)

// Program is a text that a server keeps and runs by itself: a routine, a trigger, an event, a view.
type Program struct {
	Kind     ProgramKind
	Name     string
	Table    string // of a trigger: the actual table
	When     string // of a trigger: timing and event, "BEFORE INSERT"
	Body     string // what it does, with physical names
	Readable bool   // the data source's account may read the body
	SQLMode  string // under which the body is read
}

// Programs are what one schema of a data source keeps, and the names of its tables and views. Immutable.
type Programs struct {
	Programs []Program
	Tables   map[string]bool // folded names
}

// The questions that ProgramsFromRows reads; the parameters are the schema, as often as there is a '?'. Each is
// about one schema, which servers look up without opening those of others.
var ProgramQueries = []string{
	"SELECT ROUTINE_TYPE, ROUTINE_NAME, NULL, NULL, ROUTINE_DEFINITION, SQL_MODE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ?",
	"SELECT 'TRIGGER', TRIGGER_NAME, EVENT_OBJECT_TABLE, CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION), ACTION_STATEMENT, SQL_MODE" +
		" FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER",
	"SELECT 'VIEW', TABLE_NAME, NULL, NULL, VIEW_DEFINITION, '' FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ?",
	"SELECT 'EVENT', EVENT_NAME, NULL, NULL, EVENT_DEFINITION, SQL_MODE FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ?",
	"SELECT 'TABLE', TABLE_NAME, NULL, NULL, NULL, '' FROM information_schema.TABLES WHERE TABLE_SCHEMA = ?",
}

// ProgramsFromRows builds what a schema keeps from the answers to ProgramQueries.
func (s *Snapshot) ProgramsFromRows(answers [][]Row) (*Programs, error) {
	p := &Programs{Tables: map[string]bool{}}
	for _, rows := range answers {
		for _, r := range rows {
			if len(r) != 6 {
				return nil, fmt.Errorf("catalog: stored programs: %d cells in a row, want 6", len(r))
			}
			if string(r[0]) == "TABLE" {
				p.Tables[s.fold(string(r[1]))] = true
				continue
			}
			p.Programs = append(p.Programs, Program{
				Kind: ProgramKind(r[0]), Name: string(r[1]), Table: string(r[2]), When: string(r[3]), Body: string(r[4]),
				Readable: len(r[4]) > 0, SQLMode: string(r[5]),
			})
		}
	}
	return p, nil
}

// Find finds a program by its kind and name, whose case counts for triggers and views only.
func (p *Programs) Find(kind ProgramKind, name string) *Program {
	for i := range p.Programs {
		q := &p.Programs[i]
		if q.Kind == kind && (q.Name == name || kind != ViewText && kind != Trigger && strings.EqualFold(q.Name, name)) {
			return q
		}
	}
	return nil
}

// HasTable reports whether the schema has a table or view of that name.
func (s *Snapshot) HasTable(p *Programs, table string) bool { return p.Tables[s.fold(table)] }

// View finds a view by its name.
func (s *Snapshot) View(p *Programs, name string) *Program {
	for i := range p.Programs {
		if q := &p.Programs[i]; q.Kind == ViewText && s.same(q.Name, name) {
			return q
		}
	}
	return nil
}

// Triggers lists the triggers of an actual table, in the order in which they act.
func (s *Snapshot) Triggers(p *Programs, table string) []*Program {
	var out []*Program
	for i := range p.Programs {
		if q := &p.Programs[i]; q.Kind == Trigger && s.same(q.Table, table) {
			out = append(out, q)
		}
	}
	return out
}

// place is a schema of a database: the one that a data source has.
type place struct{ database, dataSource string }

// Programs is what the schema of a database at a data source keeps. known is false when nobody looked yet: the
// planner then asks for it.
func (s *Snapshot) Programs(db, dataSource string) (p *Programs, known bool) {
	p, known = s.programs[place{s.fold(db), dataSource}]
	return p, known
}

// ProgramsVersion changes whenever what was known of stored programs turns out to be something else.
func (s *Snapshot) ProgramsVersion() uint64 { return s.programsVersion }

// WithPrograms returns a snapshot that knows what a schema keeps.
func (s *Snapshot) WithPrograms(db, dataSource string, p *Programs) *Snapshot {
	n := *s
	n.programs = maps.Clone(s.programs)
	if n.programs == nil {
		n.programs = map[place]*Programs{}
	}
	key := place{s.fold(db), dataSource}
	if before, known := n.programs[key]; known && !reflect.DeepEqual(before, p) {
		n.programsVersion++
	}
	n.programs[key] = p
	return &n
}

// forgetPrograms drops what is known of a database.
func (s *Snapshot) forgetPrograms(folded string) {
	s.programs = maps.Clone(s.programs)
	maps.DeleteFunc(s.programs, func(k place, _ *Programs) bool { return k.database == folded })
}
