package router

import (
	"strconv"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rule"
)

// counter reads AUTO_INCREMENT = n of CREATE TABLE and ALTER TABLE of a table whose ids Heddle generates: the servers only
// note it, the generator has to go on there. It reads the words: the grammar does not know all of ALTER TABLE.
func (p *planning) counter(t *table) (*plan.Counter, error) {
	next, err := p.counterOption()
	if err != nil || next <= 1 {
		return nil, err
	}
	schema := p.tableAfter(t)
	if schema == nil {
		schema = t.schema
	}
	var g *rule.Generator
	if schema != nil {
		g = catalog.GeneratorOf(t.place.Sharded, schema)
	} else {
		g = t.place.Sharded.Generate
	}
	if g == nil {
		return nil, nil
	}
	gen, err := p.generator(t, g)
	if err != nil {
		return nil, err
	}
	return &plan.Counter{Generator: gen, Column: g.Column, Next: next}, nil
}

// counterOption is the last AUTO_INCREMENT = n of the statement; 0: none.
func (p *planning) counterOption() (next uint64, err error) {
	if p.stmt.Kind != parser.CreateTable && p.stmt.Kind != parser.AlterTable {
		return 0, nil
	}
	tokens := p.stmt.Tokens
	for i, t := range tokens {
		if t.Depth > 0 || !t.Is("AUTO_INCREMENT") || i+1 == len(tokens) {
			continue
		}
		value := tokens[i+1]
		if value.Is("=") && i+2 < len(tokens) {
			value = tokens[i+2]
		} else if value.Kind != parser.Int {
			continue // of a column
		}
		if next, err = strconv.ParseUint(value.In(p.stmt.Text), 10, 64); err != nil {
			return 0, p.refuse("AUTO_INCREMENT = " + value.In(p.stmt.Text) + " of a table whose ids Heddle generates")
		}
	}
	return next, nil
}

// generator finds what generates the ids of a table.
func (p *planning) generator(t *table, g *rule.Generator) (keygen.Generator, error) {
	if p.planner.Generators == nil {
		return nil, sqlerr.KeygenUnavailable("no generators are set up")
	}
	gen, err := p.planner.Generators.Generator(t.db+"."+t.name+"."+g.Column, g.Type, g.Properties)
	if err != nil {
		return nil, sqlerr.KeygenUnavailable(err.Error())
	}
	return gen, nil
}
