package rule

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/heddle-mesh/heddle/router/keygen"
	"github.com/heddle-mesh/heddle/router/sharding"
)

func (r *reader) document(n *node) *Document {
	d := &Document{Format: Format, source: r.src}
	r.fields(n, "", map[string]func(*node, string){
		"format":       func(n *node, p string) { d.Format = r.integer(n, p, 1, Format) },
		"database":     func(n *node, p string) { d.Database = r.str(n, p) },
		"defaults":     func(n *node, p string) { r.defaults(&d.Defaults, n, p) },
		"data_sources": func(n *node, p string) { d.DataSources = r.dataSources(n, p) },
		"shards":       func(n *node, p string) { d.Shards = r.shards(n, p) },
		"slots":        func(n *node, p string) { d.Slots = r.slots(n, p) },
		"tables":       func(n *node, p string) { d.Tables = r.tables(n, p) },
		"binding":      func(n *node, p string) { d.Binding = r.binding(n, p) },
		"broadcast":    func(n *node, p string) { d.Broadcast = r.strs(n, p) },
		"single":       func(n *node, p string) { d.Single = r.single(n, p) },

		"read_write_splitting": func(n *node, p string) { d.Splitting = r.splitting(n, p) },
	})
	return d
}

func (r *reader) defaults(d *Defaults, n *node, path string) {
	r.fields(n, path, map[string]func(*node, string){
		"data_source": func(n *node, p string) { d.DataSource = r.str(n, p) },
		"algorithm":   func(n *node, p string) { d.Algorithm = r.algorithm(n, p) },
		"generator": func(n *node, p string) {
			d.Generator = &Generator{}
			r.generatorType(d.Generator, n, p)
		},
		"user":     func(n *node, p string) { d.User = r.str(n, p) },
		"password": func(n *node, p string) { d.Password = r.secret(n, p) },
	})
}

// secret reads a reference. What is none is not kept and not shown: it may be a password.
func (r *reader) secret(n *node, path string) Secret {
	s := Secret(r.str(n, path))
	if n.isScalar() {
		r.draft.note(secretSchema)
	}
	message, hint := secretProblem(s)
	if message == "" {
		return s
	}
	at := r.src.at[path]
	r.problems = append(r.problems, Problem{Line: at.line, Column: at.column, Path: path, Message: message, Hint: hint})
	return ""
}

func (r *reader) dataSources(n *node, path string) (out []DataSource) {
	r.named(n, path, func(name string, n *node, path string) {
		ds := DataSource{Name: name}
		r.fields(n, path, map[string]func(*node, string){
			"address":  func(n *node, p string) { ds.Address = r.str(n, p) },
			"schema":   func(n *node, p string) { ds.Schema = r.str(n, p) },
			"user":     func(n *node, p string) { ds.User = r.str(n, p) },
			"password": func(n *node, p string) { ds.Password = r.secret(n, p) },
			"zone":     func(n *node, p string) { ds.Zone = r.str(n, p) },
			"replicas": func(n *node, p string) {
				r.each(n, p, func(n *node, p string) { ds.Replicas = append(ds.Replicas, r.replica(n, p)) })
			},
			"tls":  func(n *node, p string) { ds.TLS = r.tls(n, p) },
			"pool": func(n *node, p string) { r.pool(&ds.Pool, n, p) },
		})
		out = append(out, ds)
	})
	return out
}

func (r *reader) replica(n *node, path string) (rep Replica) {
	if n.isScalar() {
		return Replica{Address: r.str(n, path)}
	}
	if len(n.entries) == 1 && n.entries[0].value.isScalar() && n.entries[0].key != "address" {
		r.problem(path, "this reads as a mapping, not as an address", `inside brackets write "host:port" in quotes`)
		return Replica{}
	}
	r.fields(n, path, map[string]func(*node, string){
		"address": func(n *node, p string) { rep.Address = r.str(n, p) },
		"weight":  func(n *node, p string) { rep.Weight = r.integer(n, p, 1, 1000) },
		"zone":    func(n *node, p string) { rep.Zone = r.str(n, p) },
	})
	return rep
}

var tlsModes = []string{string(TLSDisabled), string(TLSPreferred), string(TLSRequired), string(TLSVerifyCA), string(TLSVerifyIdentity)}

func (r *reader) tls(n *node, path string) *TLS {
	t := &TLS{Mode: TLSRequired}
	if n.isScalar() {
		t.Mode = TLSMode(r.word(n, path, tlsModes...))
		return t
	}
	r.fields(n, path, map[string]func(*node, string){
		"mode":        func(n *node, p string) { t.Mode = TLSMode(r.word(n, p, tlsModes...)) },
		"ca":          func(n *node, p string) { t.CA = r.str(n, p) },
		"cert":        func(n *node, p string) { t.Cert = r.str(n, p) },
		"key":         func(n *node, p string) { t.Key = r.str(n, p) },
		"server_name": func(n *node, p string) { t.ServerName = r.str(n, p) },
	})
	return t
}

func (r *reader) pool(pool *Pool, n *node, path string) {
	r.fields(n, path, map[string]func(*node, string){
		"max":      func(n *node, p string) { pool.Max = r.integer(n, p, 1, 100000) },
		"min_idle": func(n *node, p string) { pool.MinIdle = r.integer(n, p, 0, 100000) },
		"budget":   func(n *node, p string) { pool.Budget = r.integer(n, p, 1, 1000000) },
		"least":    func(n *node, p string) { pool.Least = r.integer(n, p, 1, 100000) },
		"wait":     func(n *node, p string) { pool.Wait = r.duration(n, p) },
		"idle":     func(n *node, p string) { pool.Idle = r.duration(n, p) },
		"life":     func(n *node, p string) { pool.Life = r.duration(n, p) },
	})
}

func (r *reader) shards(n *node, path string) (out []Shard) {
	r.named(n, path, func(name string, n *node, path string) {
		s := Shard{Name: name}
		if n.isScalar() {
			s.DataSource = r.str(n, path)
		} else {
			r.fields(n, path, map[string]func(*node, string){
				"data_source": func(n *node, p string) { s.DataSource = r.str(n, p) },
				"suffix": func(n *node, p string) {
					i := r.integer(n, p, 0, 1<<20)
					s.Suffix = &i
				},
			})
		}
		out = append(out, s)
	})
	return out
}

func (r *reader) slots(n *node, path string) (out []SlotAssignment) {
	r.named(n, path, func(name string, n *node, path string) {
		a := SlotAssignment{Shard: name}
		r.each(n, path, func(n *node, path string) {
			for _, part := range strings.Split(r.str(n, path), ",") {
				if s, ok := r.slotRange(strings.TrimSpace(part), path); ok {
					a.Ranges = append(a.Ranges, s)
				}
			}
		})
		out = append(out, a)
	})
	return out
}

// slotRange reads "0-4095" or "7".
func (r *reader) slotRange(text, path string) (SlotRange, bool) {
	first, last, ranged := strings.Cut(text, "-")
	a, errA := strconv.Atoi(strings.TrimSpace(first))
	b, errB := a, error(nil)
	if ranged {
		b, errB = strconv.Atoi(strings.TrimSpace(last))
	}
	if errA != nil || errB != nil {
		r.problem(path, fmt.Sprintf("%q is no range of slots", text), "write 0-4095, or 0-4095, 9000-9999")
		return SlotRange{}, false
	}
	return SlotRange{a, b}, true
}

func (r *reader) tables(n *node, path string) (out []Table) {
	r.named(n, path, func(name string, n *node, path string) {
		t := Table{Name: name}
		if n.isNull() {
			n.entries = []entry{}
		}
		r.fields(n, path, map[string]func(*node, string){
			"key":       func(n *node, p string) { t.Key = r.strs(n, p) },
			"key_types": func(n *node, p string) { t.KeyTypes = r.strs(n, p) },
			"algorithm": func(n *node, p string) { t.Algorithm = r.algorithm(n, p) },
			"nodes":     func(n *node, p string) { t.Nodes = r.strs(n, p) },
			"generate":  func(n *node, p string) { t.Generate = r.generate(n, p) },
			"unique":    func(n *node, p string) { t.UniquePerShard = r.word(n, p, "per_shard") != "" },
			"foreign_keys": func(n *node, p string) {
				t.ForeignKeysUnchecked = r.word(n, p, "unchecked") != ""
			},
		})
		out = append(out, t)
	})
	return out
}

func (r *reader) algorithm(n *node, path string) *AlgorithmSpec {
	a := &AlgorithmSpec{}
	if n.isScalar() {
		a.Type = r.oneOf(n, path, sharding.Types)
		return a
	}
	a.Properties = r.properties(n, path, map[string]func(*node, string){
		"type": func(n *node, p string) { a.Type = r.oneOf(n, p, sharding.Types) },
	}, algorithmSchemas)
	return a
}

// generate reads the column alone, or column, type and properties.
func (r *reader) generate(n *node, path string) *Generator {
	g := &Generator{}
	if n.isScalar() {
		g.Column = r.str(n, path)
		return g
	}
	r.generatorType(g, n, path)
	return g
}

// generatorType reads a type alone, or a mapping.
func (r *reader) generatorType(g *Generator, n *node, path string) {
	if n.isScalar() {
		g.Type = r.oneOf(n, path, keygen.Types)
		return
	}
	g.Properties = r.properties(n, path, map[string]func(*node, string){
		"column": func(n *node, p string) { g.Column = r.str(n, p) },
		"type":   func(n *node, p string) { g.Type = r.oneOf(n, p, keygen.Types) },
	}, generatorSchemas)
}

func (r *reader) binding(n *node, path string) (out [][]string) {
	if !n.isList() {
		r.problem(path, "expected a list of groups, found "+n.kind(), "write [[orders, order_items]]")
		return nil
	}
	r.each(n, path, func(n *node, path string) {
		if !n.isList() {
			r.problem(path, "expected a group of tables, found "+n.kind(), "write [[orders, order_items]]")
			return
		}
		out = append(out, r.strs(n, path))
	})
	return out
}

func (r *reader) single(n *node, path string) (out []SingleTables) {
	r.named(n, path, func(name string, n *node, path string) {
		out = append(out, SingleTables{DataSource: name, Tables: r.strs(n, path)})
	})
	return out
}
