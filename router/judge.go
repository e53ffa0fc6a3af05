package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rule"
)

// judge finds out what stored programs touch, those that they use in turn included. It errs on the side of too much: a
// name that could be a sharded table's is one.
type judge struct {
	p    *planning
	seen map[string]bool // programs that were looked at

	why     string          // the first reason to refuse
	within  map[string]bool // data sources that have everything; nil: all
	copies  string          // a broadcast table that is read
	through bool            // rows are changed through what is judged

	used   bool
	uses   parser.Feature
	vars   []string
	ends   bool // it ends transactions
	keeps  bool
	limits bool // it has a LIMIT
	apart  bool // of a database with several data sources
}

// maxPrograms bounds how many programs one statement may use.
const maxPrograms = 200

// refuse notes the first reason.
func (j *judge) refuse(label, reason string) {
	if j.why == "" {
		j.why = label + ", which " + reason
	}
}

// limit keeps the data sources that are in the list too.
func (j *judge) limit(sources ...string) {
	next := map[string]bool{}
	for _, ds := range sources {
		if j.within == nil || j.within[ds] {
			next[ds] = true
		}
	}
	j.within = next
}

// enter reports whether a program is to be looked at: none is twice, and not without end.
func (j *judge) enter(k kept, kind catalog.ProgramKind, name, label string) bool {
	key := k.layout.Database + "\x00" + k.ds + "\x00" + string(kind) + "\x00" + strings.ToLower(name)
	if j.seen[key] || j.why != "" {
		return false
	}
	j.seen[key], j.used = true, true
	if len(j.seen) > maxPrograms {
		j.refuse(label, "uses too many others")
		return false
	}
	return true
}

// program judges a routine that several data sources may keep: then it has to be the same on each.
func (j *judge) program(holders []kept, kind catalog.ProgramKind, name, user string) error {
	label := user + "the " + kindName(kind) + " " + name
	first := holders[0].programs.Find(kind, name)
	var sources []string
	for _, k := range holders {
		q := k.programs.Find(kind, name)
		if q.Body != first.Body || q.SQLMode != first.SQLMode {
			j.refuse(label, "is another one on the data source "+k.ds+" than on "+holders[0].ds)
		}
		sources = append(sources, k.ds)
	}
	j.limit(sources...)
	if !j.enter(holders[0], kind, name, label) {
		return nil
	}
	return j.text(holders[0], first, label)
}

// text judges a program by its body.
func (j *judge) text(k kept, q *catalog.Program, label string) error {
	if !q.Readable {
		j.refuse(label, "has a body that the data source's account cannot read")
		return nil
	}
	mode := j.p.env.Mode
	mode.SQLMode, mode.Charset = parser.ParseSQLMode(q.SQLMode), parser.CharsetUTF8
	body, err := parser.ParseBody(q.Body, mode)
	if err != nil {
		j.refuse(label, "has a body that cannot be read")
		return nil
	}
	return j.body(k, label, body)
}

// own judges a body that the statement itself brings.
func (j *judge) own(l *rule.Layout, label string, body *parser.Body) error {
	k, err := j.p.keptAt(l, l.DefaultDataSource)
	if err != nil {
		return err
	}
	j.used = true
	return j.body(k, label, body)
}

// view judges a view. Servers write its text with all names qualified.
func (j *judge) view(k kept, q *catalog.Program, user string) error {
	label := user + "the view " + q.Name
	if !j.enter(k, catalog.ViewText, q.Name, label) {
		return nil
	}
	j.limit(k.ds)
	mode := j.p.env.Mode
	mode.SQLMode, mode.Charset = 0, parser.CharsetUTF8
	if !q.Readable {
		j.refuse(label, "has a text that the data source's account cannot read")
		return nil
	}
	body, err := parser.ParseBody(q.Body, mode)
	if err != nil {
		j.refuse(label, "has a text that cannot be read")
		return nil
	}
	body.Names = slices.DeleteFunc(body.Names, func(n parser.BodyName) bool { return n.Schema == "" })
	body.Writes = body.Writes || j.through
	return j.body(k, label, body)
}

// body judges what a body names and does.
func (j *judge) body(k kept, label string, b *parser.Body) error {
	j.uses |= b.Uses.Bits
	j.vars = append(j.vars, b.Vars...)
	j.ends, j.keeps = j.ends || b.Ends, j.keeps || b.Keeps
	j.limits = j.limits || b.Limits
	j.apart = j.apart || len(k.layout.DataSources) > 1
	j.session(k, label, b)
	for _, n := range b.Names {
		if err := j.name(k, label, b, n); err != nil || j.why != "" {
			return err
		}
	}
	mode := j.p.env.Mode
	for _, text := range b.Dynamic {
		inner, err := parser.ParseBody(text, mode)
		if err != nil {
			j.refuse(label, "runs dynamic SQL that cannot be read")
			return nil
		}
		if err := j.body(k, label, inner); err != nil {
			return err
		}
	}
	return nil
}

// session refuses what only the client's session can know, and what a session does not learn of.
func (j *judge) session(k kept, label string, b *parser.Body) {
	several := len(k.layout.DataSources) > 1
	switch uses := b.Uses; {
	case b.Opaque && k.layout.Spread():
		j.refuse(label, "runs dynamic SQL")
	case uses.Has(parser.UseConnectionID):
		j.refuse(label, "asks for CONNECTION_ID(): servers know other ids than clients")
	case uses.Has(parser.UseCurrentUser):
		j.refuse(label, "asks for the user: servers know the data source's account only")
	case uses.Has(parser.UseDatabase) && k.schema != k.layout.Database:
		j.refuse(label, "asks for DATABASE(), which is "+k.schema+" on its server")
	case b.SetsSystem != "" && several:
		j.refuse(label, "sets the system variable "+b.SetsSystem)
	case uses.Has(parser.UseLock) && (several || k.ds != j.p.snap.LockSource()):
		j.refuse(label, "takes named locks, over several servers")
	case b.Begins && !b.Ends:
		j.refuse(label, "begins a transaction and does not end it")
	}
}

// name judges one name of a body.
func (j *judge) name(k kept, label string, b *parser.Body, n parser.BodyName) error {
	l := k.layout
	if n.Schema != "" {
		owner, logical := j.owner(k, n.Schema)
		switch {
		case owner == nil && systemSchemas[strings.ToLower(n.Schema)]:
			j.refuse(label, "names "+n.Schema+", which each server has its own of")
			return nil
		case owner == nil:
			return nil // an alias, or a mistake that the server finds
		case logical:
			j.refuse(label, "names "+n.Schema+"."+n.Name+", where the schema has another name on its server")
			return nil
		}
		l = owner
	}
	switch place := j.place(l, k, n.Name); place.Kind {
	case catalog.KindSharded:
		j.sharded(label, n, place.Sharded)
		return nil
	case catalog.KindBroadcast:
		if len(place.Broadcast.Nodes) > 1 {
			j.broadcast(label, b, n, place.Broadcast)
			return nil
		}
	case catalog.KindSingle:
		if n.Table {
			j.limit(place.Single.DataSource)
		}
	}
	return j.unlisted(l, k, label, b, n)
}

// owner is the database that a schema's name means at a data source. logical says that it is the database's own name,
// which the server does not know.
func (j *judge) owner(k kept, schema string) (l *rule.Layout, logical bool) {
	for _, l := range j.p.snap.Layouts() {
		if ds := l.DataSource(k.ds); l.Database != "" && ds != nil && j.p.sameName(ds.Schema, schema) {
			return l, false
		}
	}
	for _, l := range j.p.snap.Layouts() {
		if l.Database != "" && j.p.sameName(l.Database, schema) {
			return l, true
		}
	}
	return nil, false
}

// place says what a name is in a database, by the rules' name or by the actual one.
func (j *judge) place(l *rule.Layout, k kept, name string) catalog.Placement {
	place, _ := j.p.snap.Place(l.Database, name)
	if place.Kind == catalog.KindSharded || place.Kind == catalog.KindBroadcast {
		return place
	}
	for _, t := range l.Tables {
		for _, node := range t.Nodes {
			if node.DataSource == k.ds && j.p.sameName(node.Table, name) {
				return catalog.Placement{Kind: catalog.KindSharded, Layout: l, Sharded: t}
			}
		}
	}
	return place
}

func (j *judge) sharded(label string, n parser.BodyName, t *rule.ShardedTable) {
	switch {
	case len(t.Nodes) > 1:
		j.refuse(label, "names the sharded table "+t.Name)
	case !j.p.sameName(t.Nodes[0].Table, n.Name):
		j.refuse(label, "names the sharded table "+t.Name+", whose name on its server is another")
	case n.Table:
		j.limit(t.Nodes[0].DataSource)
	}
}

// broadcast lets a body read a copy, on data sources that have one.
func (j *judge) broadcast(label string, b *parser.Body, n parser.BodyName, t *rule.BroadcastTable) {
	for _, c := range b.Changes {
		if j.p.sameName(c.Name, n.Name) {
			j.refuse(label, "changes the broadcast table "+t.Name)
			return
		}
	}
	if b.Locks {
		j.refuse(label, "locks rows of the broadcast table "+t.Name)
		return
	}
	j.copies = t.Name
	var sources []string
	for _, node := range t.Nodes {
		sources = append(sources, node.DataSource)
	}
	j.limit(sources...)
}

// unlisted judges a name that the rules say nothing of: a single table, a view, a routine.
func (j *judge) unlisted(l *rule.Layout, k kept, label string, b *parser.Body, n parser.BodyName) error {
	all, err := j.p.keptBy(l)
	if err != nil {
		return err
	}
	user := label + ", which uses "
	var tables []string
	for _, at := range all {
		if j.p.snap.HasTable(at.programs, n.Name) {
			tables = append(tables, at.ds)
		}
		if view := j.p.snap.View(at.programs, n.Name); view != nil && (n.Table || n.Schema != "") {
			if err := j.view(at, view, user); err != nil {
				return err
			}
		}
		if b.Writes && at.ds == k.ds {
			for _, t := range j.p.snap.Triggers(at.programs, n.Name) {
				if err := j.trigger(at, t, user); err != nil {
					return err
				}
			}
		}
	}
	if n.Table && len(tables) > 0 {
		j.limit(tables...)
	}
	if n.Call || n.Called {
		for _, kind := range []catalog.ProgramKind{catalog.Function, catalog.Procedure} {
			if (kind == catalog.Procedure) != n.Called {
				continue
			}
			if err := j.routine(all, kind, n.Name, user); err != nil {
				return err
			}
		}
		if n.Schema != "" {
			return j.routine(all, catalog.PackageBody, n.Schema, user)
		}
	}
	return nil
}

// routine judges a routine that a body uses, if there is one of the name.
func (j *judge) routine(all []kept, kind catalog.ProgramKind, name, user string) error {
	var holders []kept
	for _, at := range all {
		if at.programs.Find(kind, name) != nil {
			holders = append(holders, at)
		}
	}
	if len(holders) == 0 {
		return nil
	}
	return j.program(holders, kind, name, user)
}

// trigger judges a trigger.
func (j *judge) trigger(k kept, q *catalog.Program, user string) error {
	label := user + "the trigger " + q.Name + " of " + j.logicalName(k, q.Table)
	if !j.enter(k, catalog.Trigger, q.Name, label) {
		return nil
	}
	return j.text(k, q, label)
}

// logicalName is the name that an actual table has in the rules.
func (j *judge) logicalName(k kept, table string) string {
	for _, t := range k.layout.Tables {
		for _, node := range t.Nodes {
			if node.DataSource == k.ds && j.p.sameName(node.Table, table) {
				return t.Name
			}
		}
	}
	return table
}
