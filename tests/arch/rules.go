package arch

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// forbidden names of packages say nothing of what is in them.
var forbidden = []string{"util", "utils", "common", "helper", "helpers", "base", "misc"}

// PackageDocs: every package has a doc comment that begins as godoc wants it, and only one file has it.
func PackageDocs(files []*File) []string {
	docs := map[string][]string{}
	names := map[string]string{}
	for _, f := range files {
		if f.Test {
			continue
		}
		names[f.Dir] = f.AST.Name.Name
		if f.AST.Doc != nil {
			docs[f.Dir] = append(docs[f.Dir], f.Path)
			start := "Package " + f.AST.Name.Name + " "
			if f.AST.Name.Name == "main" {
				start = "Command " + path.Base(f.Dir) + " "
			}
			if !strings.HasPrefix(f.AST.Doc.Text(), start) {
				docs[f.Dir] = append(docs[f.Dir], fmt.Sprintf("%s does not begin with %q", f.Path, start))
			}
		}
	}
	var breaches []string
	for dir, name := range names {
		if len(docs[dir]) != 1 {
			breaches = append(breaches, fmt.Sprintf("package %s (%s) wants one doc comment, has: %s", dir, name, strings.Join(docs[dir], ", ")))
		}
	}
	slices.Sort(breaches)
	return breaches
}

// Names: packages are called what they are about, as their folder; files are lower case with underscores.
func Names(files []*File) []string {
	good := regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)*\.go$`)
	var breaches []string
	for _, f := range files {
		if name := path.Base(f.Path); !good.MatchString(name) {
			breaches = append(breaches, fmt.Sprintf("%s: a file name is lower case, words joined by underscores", f.Path))
		}
		name := strings.TrimSuffix(f.AST.Name.Name, "_test")
		if slices.Contains(forbidden, name) || slices.Contains(forbidden, path.Base(f.Dir)) {
			breaches = append(breaches, fmt.Sprintf("%s: package %s says nothing of what is in it", f.Path, f.AST.Name.Name))
		}
		if name != "main" && f.Dir != "." && name != path.Base(f.Dir) {
			breaches = append(breaches, fmt.Sprintf("%s: package %s in folder %s", f.Path, f.AST.Name.Name, path.Base(f.Dir)))
		}
	}
	return breaches
}

// NoInit: what happens at the start is written in main and in sidecar.
func NoInit(files []*File) []string {
	var breaches []string
	for _, f := range files {
		for _, d := range f.AST.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				breaches = append(breaches, f.At(fn)+": func init")
			}
		}
	}
	return breaches
}

// NoContextField: a context belongs to a call, not to a value.
func NoContextField(files []*File) []string {
	var breaches []string
	for _, f := range files {
		local := f.imported("context")
		if local == "" {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			s, ok := n.(*ast.StructType)
			if !ok {
				return true
			}
			for _, field := range s.Fields.List {
				if isSelector(field.Type, local, "Context") {
					breaches = append(breaches, f.At(field)+": context.Context in a struct")
				}
			}
			return true
		})
	}
	return breaches
}

// NoSleep: time in tests is synctest's, an injected clock or a condition with a deadline. In a file that uses
// synctest a sleep is the way to move the fake clock.
func NoSleep(files []*File) []string {
	return calls(files, func(f *File, call *ast.CallExpr) string {
		if !f.Test && !underAny(f.Dir, outside...) || f.imported("testing/synctest") != "" {
			return ""
		}
		if local := f.imported("time"); local != "" && isSelector(call.Fun, local, "Sleep") {
			return "time.Sleep in a test"
		}
		return ""
	})
}

// NoSkip: a test that needs something fails without it; what is known not to work stands in a ratchet file. Other
// testing libraries may have a Skip of their own (rapid discards a draw with it), so the parameter's type is looked at.
func NoSkip(files []*File) []string {
	var breaches []string
	for _, f := range files {
		local := f.imported("testing")
		if local == "" {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch fn := n.(type) {
			case *ast.FuncDecl:
				breaches = append(breaches, skips(f, local, fn.Type, fn.Body)...)
			case *ast.FuncLit:
				breaches = append(breaches, skips(f, local, fn.Type, fn.Body)...)
			}
			return true
		})
	}
	return breaches
}

// skips finds calls of Skip on a parameter of a type of package testing, in the body but not in functions within it
// that have a parameter of the same name.
func skips(f *File, local string, signature *ast.FuncType, body *ast.BlockStmt) []string {
	var breaches []string
	for name, kind := range params(signature) {
		sel, ok := strings.CutPrefix(kind, local+".")
		if !ok || !slices.Contains([]string{"T", "B", "F", "TB"}, sel) || body == nil {
			continue
		}
		ast.Inspect(body, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncLit); ok {
				_, shadowed := params(fn.Type)[name]
				return !shadowed
			}
			for _, method := range []string{"Skip", "Skipf", "SkipNow"} {
				if call, ok := n.(*ast.CallExpr); ok && isSelector(call.Fun, name, method) {
					breaches = append(breaches, f.At(call)+": a skipped test")
				}
			}
			return true
		})
	}
	return breaches
}

// params maps the names of parameters to their types where these are pkg.Name or *pkg.Name; to "" where not.
func params(signature *ast.FuncType) map[string]string {
	types := map[string]string{}
	for _, field := range signature.Params.List {
		e := field.Type
		if star, ok := e.(*ast.StarExpr); ok {
			e = star.X
		}
		kind := ""
		if sel, ok := e.(*ast.SelectorExpr); ok {
			if pkg, ok := sel.X.(*ast.Ident); ok {
				kind = pkg.Name + "." + sel.Sel.Name
			}
		}
		for _, name := range field.Names {
			types[name.Name] = kind
		}
	}
	return types
}

// MainIsSmall: main wires nothing; under 40 lines each.
func MainIsSmall(files []*File) []string {
	var breaches []string
	for _, f := range files {
		if f.AST.Name.Name != "main" || !under(f.Dir, "cmd") || f.Test {
			continue
		}
		for _, d := range f.AST.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "main" {
				continue
			}
			if lines := f.Set.Position(fn.End()).Line - f.Set.Position(fn.Pos()).Line; lines >= 40 {
				breaches = append(breaches, fmt.Sprintf("%s: main has %d lines", f.At(fn), lines))
			}
		}
	}
	return breaches
}

func calls(files []*File, check func(*File, *ast.CallExpr) string) []string {
	var breaches []string
	for _, f := range files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if what := check(f, call); what != "" {
					breaches = append(breaches, f.At(call)+": "+what)
				}
			}
			return true
		})
	}
	return breaches
}

// isSelector reports whether e is pkg.name, or a pointer to it.
func isSelector(e ast.Expr, pkg, name string) bool {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || sel.Sel.Name != name {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	return ok && x.Name == pkg
}
