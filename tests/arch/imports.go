package arch

import (
	"fmt"
	"slices"
	"strings"
)

// order is the order law: a folder imports only what stands to its left. Folders of tests stand outside it.
var order = []string{"internal", "parser", "router", "txn", "governance", "proxy", "sidecar", "cmd"}

// outside may import anything and is imported by nothing but each other.
var outside = []string{"tests", "bench"}

// Names of what the rules below speak of.
const (
	etcd    = "go.etcd.io/etcd"
	grammar = "github.com/pingcap/tidb"
)

// machines are the pure state machines of transactions.
var machines = []string{"txn/xa", "txn/saga", "txn/tcc"}

// ban forbids imports to folders. Paths of the repository are written without the module's name.
type ban struct {
	in      []string // folders, with all below them
	except  []string // folders below, to which this does not apply
	never   []string // import paths, with all below them
	unless  []string // import paths below never that are allowed
	because string
}

var bans = []ban{
	{in: []string{"router", "parser"}, never: []string{"net", "os", "database/sql", etcd},
		unless: []string{"net/netip", "net/url"}, because: "planning is testable without a server"},
	{in: []string{"txn"}, never: []string{"parser", "router", "governance", "proxy", "sidecar"},
		because: "the crash-point sweep needs purity"},
	{in: machines, never: []string{"time", "context", "sync"}, because: "the crash-point sweep needs purity"},
	{in: []string{"governance"}, never: []string{"parser", "txn", "proxy", "sidecar"}, because: "control never touches data"},
	{in: []string{"governance"}, except: []string{"governance/reload"}, never: []string{"router"},
		because: "control never touches data; only reload sees rules"},
	{in: []string{"internal", "parser", "router", "txn", "governance", "proxy", "sidecar", "cmd"},
		except: []string{"governance/store/etcdstore", "sidecar/dev"}, never: []string{etcd}, because: "the store can be swapped"},
	{in: []string{"internal", "txn", "governance", "proxy", "sidecar", "cmd"}, never: []string{grammar},
		because: "the grammar library is asked in parser and router only"},
	{in: []string{"proxy"}, never: []string{"sidecar", "governance/store", "governance/reload", "governance/discovery",
		"governance/health", "governance/observe", "governance/admin", "governance/topology"}, because: "data flows with governance down"},
	{in: []string{"proxy/wire"}, except: []string{"proxy/wire/wiretest"}, never: []string{"internal", "parser", "router", "txn",
		"governance", "proxy", "net", "os"}, unless: []string{"internal/sqltypes", "internal/sqlerr"}, because: "a codec never dials"},
	{in: []string{"proxy/merge"}, never: []string{"proxy/backend", "proxy/wire", "net"}, because: "operators see RowStreams only"},
	{in: []string{"sidecar/rpc"}, never: []string{"proxy", "router", "parser", "txn"},
		because: "two data planes, no knot: they meet in sidecar"},
}

// Imports checks the order law, the table of bans, blank imports and cycles; it returns one line for each breach.
// The bans speak of what is built into the product, so files of tests are bound by the order only.
func Imports(files []*File) []string {
	var breaches []string
	for _, f := range files {
		for _, imp := range f.Imports() {
			breaches = append(breaches, orderBreach(f, imp)...)
			if !f.Test {
				breaches = append(breaches, banned(f, imp)...)
			}
		}
		breaches = append(breaches, blankImports(f)...)
	}
	return append(breaches, cycles(files)...)
}

func orderBreach(f *File, imp string) []string {
	target, ok := inside(imp)
	if !ok {
		return nil
	}
	from, to := top(f.Dir), top(target)
	if slices.Contains(outside, from) {
		return nil
	}
	if slices.Contains(outside, to) {
		return []string{fmt.Sprintf("%s imports %s: nothing imports %s", f.Path, target, to)}
	}
	i, j := slices.Index(order, from), slices.Index(order, to)
	if i < 0 || j < 0 {
		return []string{fmt.Sprintf("%s imports %s: a folder is missing in the order %s", f.Path, target, strings.Join(order, " < "))}
	}
	if j > i {
		return []string{fmt.Sprintf("%s imports %s: against the order %s", f.Path, target, strings.Join(order, " < "))}
	}
	return nil
}

func top(dir string) string {
	first, _, _ := strings.Cut(dir, "/")
	return first
}

func banned(f *File, imp string) []string {
	name := imp
	if target, ok := inside(imp); ok {
		name = target
	}
	var breaches []string
	for _, b := range bans {
		self := under(name, f.Dir) || under(f.Dir, name) && slices.Contains(b.in, name)
		if !underAny(f.Dir, b.in...) || underAny(f.Dir, b.except...) || self {
			continue
		}
		if underAny(name, b.never...) && !underAny(name, b.unless...) {
			breaches = append(breaches, fmt.Sprintf("%s imports %s: %s", f.Path, name, b.because))
		}
	}
	return breaches
}

// blank are the packages whose import for effect is what they are made for.
var blank = []string{"embed", grammar + "/pkg/parser/test_driver", "github.com/go-sql-driver/mysql", "time/tzdata"}

func blankImports(f *File) []string {
	var breaches []string
	for _, spec := range f.AST.Imports {
		p := strings.Trim(spec.Path.Value, "`\"")
		if spec.Name != nil && (spec.Name.Name == "_" && !slices.Contains(blank, p) || spec.Name.Name == ".") {
			breaches = append(breaches, fmt.Sprintf("%s imports %s as %s: features are wired in one visible list", f.Path, p, spec.Name.Name))
		}
	}
	return breaches
}

// cycles finds circles of imports between packages, test files left out: the go command allows theirs.
func cycles(files []*File) []string {
	edges := map[string][]string{}
	for _, f := range files {
		for _, imp := range f.Imports() {
			if target, ok := inside(imp); ok && !f.Test && !slices.Contains(edges[f.Dir], target) {
				edges[f.Dir] = append(edges[f.Dir], target)
			}
		}
	}
	var breaches []string
	done := map[string]bool{}
	var visit func(dir string, trail []string)
	visit = func(dir string, trail []string) {
		if i := slices.Index(trail, dir); i >= 0 {
			breaches = append(breaches, "import cycle: "+strings.Join(append(trail[i:], dir), " → "))
			return
		}
		if done[dir] {
			return
		}
		for _, next := range edges[dir] {
			visit(next, append(slices.Clone(trail), dir))
		}
		done[dir] = true
	}
	for _, f := range files {
		visit(f.Dir, nil)
	}
	return breaches
}
