package rule

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heddle-mesh/heddle/router/sharding"
)

// Marshal writes a document in its one canonical form: what is stored, compared and shown. Parse reads it back as
// an equal document. Comments and the operator's layout are not part of it.
func (d *Document) Marshal() []byte {
	w := &writer{}
	w.line(0, "format", strconv.Itoa(Format))
	w.text(0, "database", d.Database)
	w.block(0, "defaults", d.Defaults.fields())
	w.section("data_sources", len(d.DataSources))
	for _, ds := range d.DataSources {
		w.line(1, ds.Name, flow(ds.fields()))
	}
	w.section("shards", len(d.Shards))
	for _, s := range d.Shards {
		if s.Suffix == nil {
			w.line(1, s.Name, scalar(s.DataSource))
			continue
		}
		w.line(1, s.Name, flow([]field{{"data_source", scalar(s.DataSource)}, {"suffix", strconv.Itoa(*s.Suffix)}}))
	}
	w.section("slots", len(d.Slots))
	for _, a := range d.Slots {
		var parts []string
		for _, r := range a.Ranges {
			if r.First == r.Last {
				parts = append(parts, strconv.Itoa(r.First))
			} else {
				parts = append(parts, fmt.Sprintf("%d-%d", r.First, r.Last))
			}
		}
		w.line(1, a.Shard, scalar(strings.Join(parts, ", ")))
	}
	w.section("tables", len(d.Tables))
	for i := range d.Tables {
		w.line(1, d.Tables[i].Name, flow(d.Tables[i].fields()))
	}
	w.section("binding", len(d.Binding))
	for _, g := range d.Binding {
		w.b.WriteString("  - " + list(g) + "\n")
	}
	if len(d.Broadcast) > 0 {
		w.line(0, "broadcast", list(d.Broadcast))
	}
	w.section("single", len(d.Single))
	for _, s := range d.Single {
		w.line(1, s.DataSource, list(s.Tables))
	}
	if d.Splitting != nil {
		w.line(0, "read_write_splitting", flow(d.Splitting.fields()))
	}
	return []byte(w.b.String())
}

// Marshal writes the users in canonical form.
func (u *Users) Marshal() []byte {
	w := &writer{}
	w.line(0, "format", strconv.Itoa(Format))
	w.b.WriteString("users:\n")
	for _, user := range u.Users {
		var f []field
		f = addText(f, "verifier", user.Verifier)
		f = addText(f, "password", string(user.Password))
		if len(user.Databases) > 0 {
			f = append(f, field{"databases", list(user.Databases)})
		}
		if user.Admin {
			f = append(f, field{"admin", "true"})
		}
		f = addText(f, "transactions", user.Transactions)
		f = addInt(f, "max_connections", user.MaxConnections)
		w.line(1, user.Name, flow(f))
	}
	if len(u.Users) == 0 {
		return []byte(strings.Replace(w.b.String(), "users:", "users: {}", 1))
	}
	return []byte(w.b.String())
}

// field is a key with its value already in YAML.
type field struct{ key, value string }

func (d *Defaults) fields() (f []field) {
	f = addText(f, "data_source", d.DataSource)
	if d.Algorithm != nil {
		f = append(f, field{"algorithm", typed(d.Algorithm.Type, d.Algorithm.Properties)})
	}
	if d.Generator != nil {
		f = append(f, field{"generator", typed(d.Generator.Type, d.Generator.Properties)})
	}
	f = addText(f, "user", d.User)
	return addText(f, "password", string(d.Password))
}

func (ds *DataSource) fields() (f []field) {
	f = addText(f, "address", ds.Address)
	f = addText(f, "schema", ds.Schema)
	f = addText(f, "user", ds.User)
	f = addText(f, "password", string(ds.Password))
	f = addText(f, "zone", ds.Zone)
	if len(ds.Replicas) > 0 {
		var parts []string
		for _, r := range ds.Replicas {
			if r.Weight <= 1 && r.Zone == "" {
				parts = append(parts, scalar(r.Address))
				continue
			}
			rf := []field{{"address", scalar(r.Address)}}
			if r.Weight > 1 {
				rf = addInt(rf, "weight", r.Weight)
			}
			parts = append(parts, flow(addText(rf, "zone", r.Zone)))
		}
		f = append(f, field{"replicas", "[" + strings.Join(parts, ", ") + "]"})
	}
	if t := ds.TLS; t != nil {
		var tf []field
		for _, kv := range [][2]string{{"mode", string(t.Mode)}, {"ca", t.CA}, {"cert", t.Cert}, {"key", t.Key}, {"server_name", t.ServerName}} {
			tf = addText(tf, kv[0], kv[1])
		}
		f = append(f, field{"tls", flow(tf)})
	}
	if ds.Pool != (Pool{}) {
		var pf []field
		pf = addInt(pf, "max", ds.Pool.Max)
		pf = addInt(pf, "min_idle", ds.Pool.MinIdle)
		pf = addInt(pf, "budget", ds.Pool.Budget)
		pf = addInt(pf, "least", ds.Pool.Least)
		pf = addDuration(pf, "wait", ds.Pool.Wait)
		pf = addDuration(pf, "idle", ds.Pool.Idle)
		pf = addDuration(pf, "life", ds.Pool.Life)
		f = append(f, field{"pool", flow(pf)})
	}
	return f
}

func (t *Table) fields() (f []field) {
	for _, l := range []struct {
		name string
		list []string
	}{{"key", t.Key}, {"key_types", t.KeyTypes}} {
		switch len(l.list) {
		case 0:
		case 1:
			f = addText(f, l.name, l.list[0])
		default:
			f = append(f, field{l.name, list(l.list)})
		}
	}
	if t.Algorithm != nil {
		f = append(f, field{"algorithm", typed(t.Algorithm.Type, t.Algorithm.Properties)})
	}
	if len(t.Nodes) > 0 {
		f = append(f, field{"nodes", list(t.Nodes)})
	}
	if g := t.Generate; g != nil {
		if g.Type == "" && len(g.Properties) == 0 {
			f = addText(f, "generate", g.Column)
		} else {
			gf := addText(addText(nil, "column", g.Column), "type", g.Type)
			f = append(f, field{"generate", flow(append(gf, properties(g.Properties)...))})
		}
	}
	if t.UniquePerShard {
		f = append(f, field{"unique", "per_shard"})
	}
	if t.ForeignKeysUnchecked {
		f = append(f, field{"foreign_keys", "unchecked"})
	}
	return f
}

func addText(f []field, key, value string) []field {
	if value == "" {
		return f
	}
	return append(f, field{key, scalar(value)})
}

func addInt(f []field, key string, value int) []field {
	if value == 0 {
		return f
	}
	return append(f, field{key, strconv.Itoa(value)})
}

func addDuration(f []field, key string, value time.Duration) []field {
	if value == 0 {
		return f
	}
	return append(f, field{key, scalar(value.String())})
}

// typed is a type alone, or with its properties.
func typed(typ string, p sharding.Properties) string {
	if len(p) == 0 && typ != "" {
		return scalar(typ)
	}
	return flow(append(addText(nil, "type", typ), properties(p)...))
}

func properties(p sharding.Properties) (f []field) {
	for _, k := range slices.Sorted(maps.Keys(p)) {
		f = append(f, field{k, value(p[k])})
	}
	return f
}

// FormatProperties writes properties as a document has them, without braces.
func FormatProperties(p sharding.Properties) string {
	parts := make([]string, 0, len(p))
	for _, f := range properties(p) {
		parts = append(parts, scalar(f.key)+": "+f.value)
	}
	return strings.Join(parts, ", ")
}

// value writes a property. Text is quoted where it would read as something else.
func value(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return scalar(v)
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = value(v[i])
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		return flow(properties(v))
	case float64:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	return fmt.Sprint(v)
}

var plainScalar = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./-]*$`)

// scalar writes text, quoted unless it can only be read as that text.
func scalar(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(s)
	}
	if plainScalar.MatchString(s) {
		return s
	}
	return quote(s)
}

// quote writes YAML's double-quoted form.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func list(items []string) string {
	parts := make([]string, len(items))
	for i, s := range items {
		parts[i] = scalar(s)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func flow(f []field) string {
	parts := make([]string, len(f))
	for i := range f {
		parts[i] = scalar(f[i].key) + ": " + f[i].value
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// writer gathers lines.
type writer struct{ b strings.Builder }

func (w *writer) line(depth int, key, value string) {
	w.b.WriteString(strings.Repeat("  ", depth) + scalar(key) + ": " + value + "\n")
}

func (w *writer) text(depth int, key, value string) {
	if value != "" {
		w.line(depth, key, scalar(value))
	}
}

func (w *writer) block(depth int, key string, f []field) {
	if len(f) > 0 {
		w.line(depth, key, flow(f))
	}
}

func (w *writer) section(key string, n int) {
	if n > 0 {
		w.b.WriteString(key + ":\n")
	}
}
