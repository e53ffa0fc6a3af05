package arch

import (
	"go/ast"
	"go/token"
)

// settings are where the fields of heddle.yaml are listed, and what checks them without obeying them.
const (
	settingsTable = "sidecar/config/table.go"
	settingsCheck = "sidecar/config/check.go"
)

// Settings finds fields of heddle.yaml that nothing reads: whoever sets one is to have what its documentation says.
func Settings(files []*File) []string {
	var breaches []string
	for _, f := range files {
		if f.Path != settingsTable {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			at, ok := n.(*ast.UnaryExpr)
			if !ok || at.Op != token.AND {
				return true
			}
			field, ok := at.X.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if group, ok := field.X.(*ast.SelectorExpr); ok && !isRead(files, group.Sel.Name, field.Sel.Name) {
				breaches = append(breaches, f.At(field)+": nothing reads "+group.Sel.Name+"."+field.Sel.Name)
			}
			return true
		})
	}
	return breaches
}

// isRead reports whether something selects field of group, or of a local copy of it.
func isRead(files []*File, group, field string) bool {
	for _, f := range files {
		if f.Test || f.Path == settingsTable || f.Path == settingsCheck || !under(f.Dir, "sidecar") {
			continue
		}
		found := false
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == field {
				switch x := sel.X.(type) {
				case *ast.SelectorExpr:
					found = found || x.Sel.Name == group
				case *ast.Ident:
					found = found || x.Name != "c" && group == "TLS"
				}
			}
			return !found
		})
		if found {
			return true
		}
	}
	return false
}
