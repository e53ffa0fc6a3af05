package session

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/proxy/exec"
	"github.com/heddle-mesh/heddle/proxy/wire"
	"github.com/heddle-mesh/heddle/router/plan"
)

// runDropEach drops tables of different places one after the other. What one server does: each is dropped whatever
// becomes of the others; those that do not exist are named together, by an error or, with IF EXISTS, by a note.
func (s *Session) runDropEach(ctx context.Context, x *execution, node *plan.DropEach) error {
	defer s.forgetTables(x)
	var unknown []string
	var hard *sqlerr.Error
	for i, text := range node.Texts {
		s.diag.reset()
		missing, err := s.dropOne(ctx, text)
		switch {
		case missing:
			unknown = append(unknown, node.Names[i])
		case err != nil && hard == nil:
			hard = asError(err)
		}
	}
	s.diag.reset()
	if hard != nil {
		s.diag.add(condition{level: "Error", code: hard.Code, msg: hard.Msg})
	}
	if len(unknown) > 0 {
		e := sqlerr.UnknownTable(s.listed(unknown))
		switch {
		case node.IfExists && !s.srv.Flavour.MariaDB:
			for _, name := range unknown {
				s.diag.note(sqlerr.UnknownTable(name))
			}
		case node.IfExists:
			s.diag.note(e)
		case hard == nil:
			return e
		default:
			s.diag.add(condition{level: "Error", code: e.Code, msg: e.Msg})
		}
	}
	if hard != nil {
		return hard
	}
	ok := wire.OK{Warnings: s.diag.count()}
	s.diag.succeeded(&ok)
	if err := s.sendOK(&ok); err != nil {
		return &exec.ClientError{Err: err}
	}
	return nil
}

// dropOne drops one table and reports whether it is one that nobody has.
func (s *Session) dropOne(ctx context.Context, text string) (missing bool, err error) {
	parsed, err := parser.Parse(text, s.mode)
	if err != nil {
		return false, syntaxError(err)
	}
	st, err := s.planStatement(ctx, parsed)
	if err != nil {
		return false, err
	}
	var scan parser.Scan
	body := []byte(text)
	if err := scan.Scan(body, s.mode); err != nil {
		return false, syntaxError(err)
	}
	x := &execution{st: st, plan: st.plan, args: &args{scan: &scan, text: body}, form: exec.TextRows, need: needs(parsed)}
	route := plan.Leaf(st.plan.Root)
	units, err := s.router.Route(ctx, route, x.args)
	if err != nil {
		return false, err
	}
	w := &write{s: s, x: x, route: route, units: units}
	var entry *journaled
	if node, ok := st.plan.Root.(*plan.DDL); ok && len(units) > 1 {
		if entry, err = w.journal(ctx, node); err != nil {
			return false, err
		}
	}
	outcomes := w.everywhere(ctx)
	if lost := w.ended(ctx, entry, outcomes); lost != nil && ddlError(outcomes, "") == nil {
		return false, sqlerr.DDLOutcomeLost(entry.id(), lost.Error())
	}
	return s.nobodyHas(outcomes), ddlError(outcomes, entry.id())
}

// listed joins names as servers do in a message, of which MariaDB's keep the beginning.
func (s *Session) listed(names []string) string {
	const most, more = 100, "..."
	list := strings.Join(names, ",")
	if !s.srv.Flavour.MariaDB || len(list) <= most || strings.IndexFunc(list, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0 {
		return list
	}
	return list[:most-len(more)] + more
}

// nobodyHas reports whether every shard has said that it does not know the table, by an error or by a note.
func (s *Session) nobodyHas(outcomes []outcome) bool {
	said := 0
	for _, o := range outcomes {
		if e := sqlerr.As(o.err); e != nil && e.Code == sqlerr.CodeUnknownTable {
			said++
		}
	}
	for _, c := range s.diag.conditions {
		if c.level == "Note" && c.code == sqlerr.CodeUnknownTable {
			said++
		}
	}
	return said >= len(outcomes)
}
