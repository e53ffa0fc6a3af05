package router

import (
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// Foreign keys, and MySQL's CHECKs, have names that are there once in a schema. Several actual tables of one schema have them
// under names of their own (rewrite.ActualConstraint), which are put in here for those that a client gives, or drops.

// constraintSplices put the actual tables' names of constraints into the DDL of a sharded table. why names what cannot be put so.
func (p *planning) constraintSplices(t *table, targets []plan.Target) (out []rewrite.Splice, why string) {
	if !p.renamed(t, targets) || p.stmt.Kind != parser.CreateTable && p.stmt.Kind != parser.AlterTable {
		return nil, ""
	}
	defines := p.env.Mode.Flavour.MariaDB && sharesSchema(t.nodes())
	tokens := p.stmt.Tokens
	for i := 1; i+1 < len(tokens); i++ {
		foreign := tokens[i].Is("FOREIGN") && tokens[i+1].Is("KEY")
		switch {
		case tokens[i-1].Is("DROP") && (foreign || tokens[i].Is("CONSTRAINT") || tokens[i].Is("CHECK")):
			at := i + 1
			if foreign {
				at++
			}
			out = append(out, p.droppedConstraint(t, p.behindIf(at))...)
		case foreign && defines:
			s, ok := p.foreignKeyName(t, targets, i)
			if !ok {
				return nil, "the name of a foreign key of a table that has several parts in one schema, each of which would call it by a name that is too long or means another; leave it out"
			}
			out = append(out, s...)
		}
	}
	return out, ""
}

// behindIf is the token behind IF EXISTS or IF NOT EXISTS at i, or i.
func (p *planning) behindIf(i int) int {
	t := p.stmt.Tokens
	if i >= len(t) || !t[i].Is("IF") {
		return i
	}
	for i < len(t) && !t[i].Is("EXISTS") {
		i++
	}
	return i + 1
}

// droppedConstraint replaces the name at token i where the actual tables have the constraint under their own.
func (p *planning) droppedConstraint(t *table, i int) []rewrite.Splice {
	if i >= len(p.stmt.Tokens) || !p.stmt.Tokens[i].Ident() {
		return nil
	}
	name := p.stmt.Name(i)
	fk := slices.IndexFunc(t.foreignKeys(), func(fk catalog.ForeignKey) bool { return fk.OfActual && strings.EqualFold(fk.Name, name) })
	switch {
	case fk >= 0:
		name = t.schema.ForeignKeys[fk].Name
	case p.env.Mode.Flavour.MariaDB || !strings.HasPrefix(name, t.name+"_chk_"):
		return nil
	}
	return []rewrite.Splice{splice(p.stmt.Tokens[i].Span, p.constraint(t, name))}
}

func (t *table) foreignKeys() []catalog.ForeignKey {
	if t.schema == nil {
		return nil
	}
	return t.schema.ForeignKeys
}

// foreignKeyName gives the foreign key that is defined at token i a name of each actual table, if it has one. Where a server makes
// an index for it, which it calls like the foreign key, the index is defined before it, under the client's name. Such an index stays
// when another one makes it superfluous, where a server drops its own.
func (p *planning) foreignKeyName(t *table, targets []plan.Target, i int) (out []rewrite.Splice, ok bool) {
	tokens := p.stmt.Tokens
	first, columns := i, p.behindIf(i+2)
	if columns >= len(tokens) {
		return nil, true
	}
	var name string
	switch {
	case i > 1 && tokens[i-1].Ident() && tokens[i-2].Is("CONSTRAINT"):
		name, first = p.stmt.Name(i-1), i-2
		out = append(out, splice(tokens[i-1].Span, p.constraint(t, name)))
	case tokens[columns].Is("("):
		return nil, true
	case tokens[columns].Ident() && columns == i+2:
		name = p.stmt.Name(columns)
		pieces := []rewrite.Piece{text("CONSTRAINT "), p.constraint(t, name), text(" ")}
		if tokens[i-1].Is("CONSTRAINT") {
			pieces, first = pieces[1:], i-1
		}
		out = append(out, insertion(tokens[i].Start, pieces))
	}
	if name == "" || columns != i+2 { // IF NOT EXISTS, of a name that the actual tables do not have
		return nil, false
	}
	for n := range targets {
		if _, ok := rewrite.ActualConstraint(name, targets[n].Names[t.index], t.name); !ok {
			return nil, false
		}
	}
	key, ok := p.keyForForeignKey(t, i)
	if key != "" {
		head := "KEY " + ident(name) + " " + key + ", "
		if p.stmt.Kind == parser.AlterTable {
			first--
			head = "ADD " + head
		}
		out = append(out, insertion(tokens[first].Start, []rewrite.Piece{text(head)}))
	}
	return out, ok
}

// keyForForeignKey are the columns, in their parentheses, of the index that a server makes for the foreign key at token i; "" where
// another index has them first. ok is false where that cannot be told.
func (p *planning) keyForForeignKey(t *table, i int) (key string, ok bool) {
	after := p.tableAfter(t)
	names, span := p.foreignKeyColumns(i)
	if after == nil || names == nil || p.stmt.Kind == parser.AlterTable && !p.stmt.Tokens[i-1].Is("ADD") && !p.stmt.Tokens[max(i-2, 0)].Is("ADD") &&
		!p.stmt.Tokens[max(i-3, 0)].Is("ADD") {
		return "", false
	}
	for _, index := range after.Indexes {
		have := []string{}
		for _, c := range index.Columns {
			if c.Prefix > 0 {
				break
			}
			have = append(have, c.Name)
		}
		if beginsWith(have, names) {
			return "", true
		}
	}
	for other := range p.stmt.Tokens {
		if have, _ := p.foreignKeyColumns(other); other != i && beginsWith(have, names) && (other < i || len(have) > len(names)) {
			return "", true
		}
	}
	return span.In(p.stmt.Text), true
}

// foreignKeyColumns are the columns of the foreign key that is defined at token i, and their span; nil where none is.
func (p *planning) foreignKeyColumns(i int) (names []string, span parser.Span) {
	tokens := p.stmt.Tokens
	if i+1 >= len(tokens) || !tokens[i].Is("FOREIGN") || !tokens[i+1].Is("KEY") {
		return nil, span
	}
	for i < len(tokens) && !tokens[i].Is("(") {
		i++
	}
	for start := i; i < len(tokens); i++ {
		switch {
		case tokens[i].Is(")"):
			return names, parser.Span{Start: tokens[start].Start, End: tokens[i].End}
		case tokens[i].Ident():
			names = append(names, p.stmt.Name(i))
		}
	}
	return nil, span
}

func beginsWith(columns, with []string) bool {
	return len(columns) >= len(with) && slices.EqualFunc(columns[:len(with)], with, strings.EqualFold)
}

func (p *planning) constraint(t *table, name string) rewrite.Piece {
	return rewrite.Piece{Op: rewrite.Constraint, N: t.index, Text: name, Logical: t.name}
}
