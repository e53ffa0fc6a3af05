package router

import (
	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/heddle-mesh/heddle/parser"
	"github.com/heddle-mesh/heddle/router/catalog"
)

// Declared is the table that a CREATE TABLE makes, as far as its text tells: for planning without a server. It reports
// false for any other statement, and for CREATE TABLE … LIKE and … SELECT.
func Declared(stmt *parser.Statement, database string) (catalog.TableSchema, bool) {
	create, ok := stmt.AST.(*ast.CreateTableStmt)
	if !ok {
		return catalog.TableSchema{}, false
	}
	if name := create.Table.Schema.O; name != "" {
		database = name
	}
	p := &planning{stmt: stmt}
	schema := p.tableAfter(&table{db: database, name: create.Table.Name.O})
	if schema == nil {
		return catalog.TableSchema{}, false
	}
	return *schema, true
}
