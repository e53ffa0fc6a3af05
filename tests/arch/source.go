package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Module is the import path of the repository.
const Module = "github.com/heddle-mesh/heddle"

// File is one Go file of the repository, whatever its build constraints: what is forbidden on one system is
// forbidden on all.
type File struct {
	Path string // from the root of the repository, with slashes
	Dir  string // its folder; "." for the root
	Test bool   // name ends in _test.go
	AST  *ast.File
	Set  *token.FileSet
}

// Imports are the import paths of the file.
func (f *File) Imports() []string {
	var paths []string
	for _, spec := range f.AST.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, "`\""))
	}
	return paths
}

// At is path:line of a node.
func (f *File) At(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.Path, f.Set.Position(n.Pos()).Line)
}

// imported is the local name under which the file imports a package, or "" if it does not.
func (f *File) imported(pkg string) string {
	for _, spec := range f.AST.Imports {
		if strings.Trim(spec.Path.Value, "`\"") != pkg {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(pkg)
	}
	return ""
}

// root is the directory of go.mod, above the working directory of a test.
func root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
}

// Load parses every Go file below dir. Folders that the go command ignores (testdata, those beginning with a dot or
// an underscore) and modules of their own are left out.
func Load(dir string) ([]*File, error) {
	set := token.NewFileSet()
	var files []*File
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != dir && (name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || exists(p, "go.mod")) {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(set, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse: %w", err)
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		files = append(files, &File{Path: rel, Dir: path.Dir(rel), Test: strings.HasSuffix(name, "_test.go"), AST: tree, Set: set})
		return nil
	})
	return files, err
}

func exists(elem ...string) bool {
	_, err := os.Stat(filepath.Join(elem...))
	return err == nil
}

// under reports whether a folder or import path is tree or lies below it.
func under(p, tree string) bool { return p == tree || strings.HasPrefix(p, tree+"/") }

// underAny is under for any of trees.
func underAny(p string, trees ...string) bool {
	return slices.ContainsFunc(trees, func(t string) bool { return under(p, t) })
}

// inside returns the folder of the repository that an import path names.
func inside(imp string) (string, bool) { return strings.CutPrefix(imp, Module+"/") }
