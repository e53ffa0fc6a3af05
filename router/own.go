package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/rule"
)

// keepsOff refuses what would reach Heddle's own tables, or the branches and connections of its transactions, behind its back:
// a name qualified by their schema wherever it stands, and XA and KILL in programs, which servers carry out by themselves.
// It is asked of what could be sent otherwise, so that a client is told first of what it would be told without that schema.
func (p *planning) keepsOff() error {
	for i, t := range p.stmt.Tokens {
		if t.Ident() && strings.EqualFold(p.stmt.Name(i), rule.OwnSchema) && i+1 < len(p.stmt.Tokens) && p.stmt.Tokens[i+1].Is(".") {
			return p.refuse("names in " + rule.OwnSchema + ", which is Heddle's own on each server")
		}
	}
	if p.stmt.Kind != parser.Compound && !p.programDDL() {
		return nil
	}
	return p.bodyKeepsOff(p.stmt.Body())
}

// bodyKeepsOff is keepsOff of a program's body.
func (p *planning) bodyKeepsOff(b *parser.Body) error {
	if b == nil {
		return nil
	}
	for _, n := range b.Names {
		if strings.EqualFold(n.Schema, rule.OwnSchema) {
			return p.refuse("names in " + rule.OwnSchema + ", which is Heddle's own on each server")
		}
	}
	switch {
	case b.XA:
		return p.refuse("XA in a stored program: servers know the transactions by other names than clients")
	case b.Kills:
		return p.refuse("KILL in a stored program: servers know other ids than clients")
	case b.Opaque && p.severalSources():
		return p.refuse("dynamic SQL of a text that is computed, in a stored program, where transactions are over several data sources")
	}
	for _, text := range b.Dynamic {
		inner, err := parser.ParseBody(text, p.env.Mode)
		if err != nil {
			return p.refuse("dynamic SQL in a stored program that cannot be read")
		}
		if err := p.bodyKeepsOff(inner); err != nil {
			return err
		}
	}
	return nil
}

// severalSources reports whether the rules have more than one data source, over all databases.
func (p *planning) severalSources() bool {
	first := ""
	for _, l := range p.snap.Layouts() {
		for i := range l.DataSources {
			switch name := l.DataSources[i].Name; {
			case first == "":
				first = name
			case name != first:
				return true
			}
		}
	}
	return false
}
