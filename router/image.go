package router

import (
	"strings"

	"github.com/heddle-mesh/heddle/router/catalog"
	"github.com/heddle-mesh/heddle/router/plan"
	"github.com/heddle-mesh/heddle/router/rewrite"
)

// image carries the changed rows of a broadcast table from its first copy to the others; nil where a column's type
// cannot be carried. The rows exist on every copy: of INSERT … ON DUPLICATE KEY UPDATE only the second part happens.
func image(t *table, pk []string) *plan.Image {
	out := &plan.Image{Table: t.index}
	var names, read, set []string
	for i := range t.schema.Columns {
		c := &t.schema.Columns[i]
		if c.Generated {
			continue
		}
		expr, form, ok := imageForm(c)
		if !ok {
			return nil
		}
		name := ident(c.Name)
		names, read, out.Forms = append(names, name), append(read, expr), append(out.Forms, form)
		set = append(set, name+" = VALUES("+name+")")
	}
	table := []rewrite.Piece{{Op: rewrite.Schema, N: t.index}, text("."), {Op: rewrite.Table, N: t.index}}
	items := rewrite.Piece{Op: rewrite.ListItems, N: 0}
	list := []rewrite.List{{Separator: ", "}}
	pieces := append([]rewrite.Piece{text("SELECT " + strings.Join(read, ", ") + " FROM ")}, table...)
	pieces = append(pieces, text(" WHERE ("+quotedList(pk)+") IN ("), items, text(")"))
	out.Read = &rewrite.Template{Pieces: pieces, Lists: list}
	pieces = append([]rewrite.Piece{text("INSERT INTO ")}, table...)
	pieces = append(pieces, text(" ("+strings.Join(names, ", ")+") VALUES "), items, text(" ON DUPLICATE KEY UPDATE "+strings.Join(set, ", ")))
	out.Write = &rewrite.Template{Pieces: pieces, Lists: list}
	return out
}

// imageForm is how a column is read so that what is written is what it holds.
func imageForm(c *catalog.Column) (expr string, form plan.ImageForm, ok bool) {
	name := ident(c.Name)
	switch c.DataType {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "year":
		return name, plan.ImageNumber, true
	case "enum", "set", "bit":
		return name + "+0", plan.ImageNumber, true
	case "float", "double":
		return name + "+0E0", plan.ImageNumber, true
	case "date", "datetime", "timestamp", "time", "uuid", "inet4", "inet6":
		return name, plan.ImageQuoted, true
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return "HEX(" + name + ")", plan.ImageHex, true
	}
	return "", 0, false
}
