package sysview

import (
	"context"
	"errors"
	"strings"

	"github.com/heddle-mesh/heddle/internal/sqlerr"
	"github.com/heddle-mesh/heddle/internal/sqltypes"
	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// showCreateTable is SHOW CREATE TABLE, VIEW and SEQUENCE.
func (v *View) showCreateTable(ctx context.Context, st *parser.Statement) (*Answer, error) {
	d, node, place, answer, err := v.shownTable(ctx, st)
	if err != nil || answer != nil {
		return answer, err
	}
	a, err := v.onTable(st, d, node)
	if err != nil {
		return nil, err
	}
	if v.fold(d.name) != v.fold(v.Database) { // as servers do: names are qualified outside of their database
		a.Schema = informationSchema
		if !st.Tables[0].SchemaSpan.Present() {
			return nil, sqlerr.NoDatabase()
		}
	}
	columns, rows, err := v.Servers.Rows(ctx, a.DataSource, a.Schema, a.SQL)
	if err != nil {
		return nil, a.Table.Error(err)
	}
	p := d.placeOf(v, node.DataSource, node.Schema)
	for _, row := range rows {
		if len(row) < 2 || p == nil {
			continue
		}
		if node.Table != st.Tables[0].Name {
			row[0] = []byte(st.Tables[0].Name)
		}
		text := v.created(d, p, string(row[1]), node.Table, st.Tables[0].Name)
		if place.Kind == catalog.KindSharded {
			if text, err = v.autoIncrement(ctx, d, st.Tables[0].Name, text); err != nil {
				return nil, err
			}
		}
		row[1] = []byte(text)
	}
	return &Answer{Columns: columns, Rows: rows, DataSource: a.DataSource, Schema: a.Schema, Asked: a.SQL}, nil
}

// created puts a CREATE statement that a server has written into logical names.
func (v *View) created(d *database, p *place, text, physical, logical string) string {
	st, err := parser.Parse(text, v.Mode)
	if err != nil {
		return text
	}
	e := v.renameAll(d, p, st)
	for i := range st.Tokens {
		if i == 0 || !st.Tokens[i-1].Is("CONSTRAINT") || !st.Tokens[i].Ident() {
			continue
		}
		written := st.Tokens[i].In(text)
		name := strings.Trim(written, "`\"")
		if shown := rewrite.LogicalConstraint(name, physical, logical); shown != name {
			e.replace(st.Tokens[i].Span, quotedAs(written, shown))
		}
	}
	return e.apply(text)
}

const autoIncrementOption = " AUTO_INCREMENT="

// autoIncrement writes the greatest of the shards' counters into a table's definition.
func (v *View) autoIncrement(ctx context.Context, d *database, name, text string) (string, error) {
	options := strings.LastIndex(text, "\n)")
	at := strings.Index(text[max(options, 0):], autoIncrementOption)
	if options < 0 || at < 0 {
		return text, nil
	}
	about, _ := v.known("TABLES")
	q, err := v.open(ctx, "TABLES", about)
	if err != nil {
		return "", err
	}
	q.want("AUTO_INCREMENT")
	q.filter = filter{schema: &d.name, table: &name}
	rows, err := v.gather(ctx, q)
	if err != nil {
		return "", err
	}
	rows = v.exactly(q, d, &name, rows)
	if len(rows) != 1 || rows[0][q.at("AUTO_INCREMENT")] == nil {
		return text, nil
	}
	from := options + at + len(autoIncrementOption)
	to := from
	for to < len(text) && text[to] >= '0' && text[to] <= '9' {
		to++
	}
	return text[:from] + string(rows[0][q.at("AUTO_INCREMENT")]) + text[to:], nil
}

// showCreateDatabase is SHOW CREATE DATABASE.
func (v *View) showCreateDatabase(ctx context.Context, st *parser.Statement) (*Answer, error) {
	name := st.Show.Object
	d, answer, err := v.shownDatabase(st, name)
	if err != nil || answer != nil {
		return answer, err
	}
	home := d.home()
	words := "SHOW CREATE DATABASE "
	for i := range st.Tokens {
		if st.Tokens[i].Is("EXISTS") {
			words += "IF NOT EXISTS "
		}
	}
	columns, rows, err := v.Servers.Rows(ctx, home.source, "", words+ident(home.schema))
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if len(row) < 2 {
			continue
		}
		row[0] = []byte(name)
		for _, quote := range []string{"`", `"`, ""} {
			before := quote + strings.ReplaceAll(home.schema, quote, quote+quote) + quote
			if quote == "" {
				before = home.schema
			}
			if text := string(row[1]); strings.Contains(text, before) {
				row[1] = []byte(strings.Replace(text, before, quotedAs(quote, name), 1))
				break
			}
		}
	}
	return &Answer{Columns: columns, Rows: rows}, nil
}

// unknownProgram are what servers say of a stored program that they do not have.
var unknownProgram = map[uint16]bool{1305: true, 1360: true, 1539: true}

// showCreateProgram is SHOW CREATE PROCEDURE and its kin, of the first place that has it.
func (v *View) showCreateProgram(ctx context.Context, st *parser.Statement) (*Answer, error) {
	d, answer, err := v.shownDatabase(st, st.Show.DB)
	if err != nil || answer != nil {
		return answer, err
	}
	places := d.placesOf(ofPrograms)
	if st.Show.What == "CREATE TRIGGER" {
		places = d.places
	}
	sql := "SHOW " + st.Show.What + " " + ident(st.Show.Object)
	for i, p := range places {
		columns, rows, err := v.Servers.Rows(ctx, p.source, p.schema, sql)
		if e := (*sqlerr.Error)(nil); errors.As(err, &e) && unknownProgram[e.Code] && i < len(places)-1 {
			continue
		}
		if err != nil {
			return nil, Renamed{Database: d.name, Schema: p.schema}.Error(err)
		}
		if err := v.programs(d, p, columns, rows); err != nil {
			return nil, err
		}
		return &Answer{Columns: columns, Rows: rows, DataSource: p.source, Schema: p.schema, Asked: sql}, nil
	}
	return nil, sqlerr.Internal("a database without a place")
}

// programs checks that what is shown names no actual table.
func (v *View) programs(d *database, p *place, columns []sqltypes.Column, rows []sqltypes.Row) error {
	for _, row := range rows {
		if len(row) > 2 && strings.HasPrefix(columns[2].Name, "SQL Original") {
			st, err := parser.Parse(string(row[2]), v.Mode)
			if err != nil {
				continue
			}
			for i := range st.Tables {
				if a := v.find(d, p, st.Tables[i].Name); a.name != "" && a.name != st.Tables[i].Name {
					return sqlerr.NotSupported("SHOW CREATE TRIGGER on a shard of " + a.name)
				}
			}
		}
	}
	return nil
}

// Error puts logical names into a server's error.
func (r Renamed) Error(err error) error {
	e := sqlerr.As(err)
	if e == nil || r.Schema == "" {
		return err
	}
	msg := strings.ReplaceAll(e.Msg, "'"+r.Schema+"."+r.Actual+"'", "'"+r.Database+"."+r.Name+"'")
	for _, quote := range []string{"`", "'"} {
		msg = strings.ReplaceAll(msg, quote+r.Schema+quote, quote+r.Database+quote)
		if r.Actual != "" {
			msg = strings.ReplaceAll(msg, quote+r.Actual+quote, quote+r.Name+quote)
		}
	}
	if msg == e.Msg {
		return err
	}
	return sqlerr.New(e.Code, e.State, msg)
}
