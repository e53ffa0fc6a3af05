package rule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Validate reports everything that is wrong with a document as far as it can be told without a server, in the order
// of the text. A document without problems resolves.
func Validate(d *Document) Problems {
	v := &validator{doc: d, layout: d.layout(), sources: map[string]bool{}}
	v.head()
	v.dataSources()
	v.defaults()
	v.shards()
	v.slots()
	v.tables()
	v.names()
	v.binding()
	v.single()
	v.splitting()
	return v.problems.sorted()
}

type validator struct {
	doc      *Document
	layout   *Layout
	sources  map[string]bool // names of data sources
	problems Problems
}

func (v *validator) problem(path, message, hint string) {
	v.problems = append(v.problems, v.doc.source.problem(path, message, hint))
}

func (v *validator) head() {
	d := v.doc
	if d.Format < 0 || d.Format > Format {
		v.problem("format", fmt.Sprintf("format %d is newer than this Heddle, which reads up to %d", d.Format, Format), "")
	}
	if len(d.DataSources) == 0 {
		v.problem("data_sources", "there is no data source", "write data_sources: {main: {address: host:port, user: name}}")
	}
	if d.Database != "" {
		v.identifier("database", "database", d.Database)
		v.ownSchema("database", d.Database)
		return
	}
	const pass = "without a database name the document passes every schema of its one data source through"
	if len(d.DataSources) > 1 {
		v.problem("data_sources", pass+", and there are "+strconv.Itoa(len(d.DataSources)), "give it a database: name")
	}
	if len(d.Tables)+len(d.Slots)+len(d.Shards)+len(d.Binding)+len(d.Broadcast)+len(d.Single) > 0 {
		v.problem("", pass+"; tables cannot be placed", "give it a database: name")
	}
	if len(d.DataSources) == 1 && d.DataSources[0].Schema != "" {
		v.problem("data_sources."+d.DataSources[0].Name+".schema", pass+"; it cannot have a schema", "give it a database: name, or leave the schema out")
	}
}

func (v *validator) ownSchema(path, name string) {
	if strings.EqualFold(name, OwnSchema) {
		v.problem(path, "the schema "+OwnSchema+" is Heddle's own on every server", "choose another name")
	}
}

// identifier checks a name as the server would: no more than 64 characters, no trailing space, no NUL.
func (v *validator) identifier(path, what, name string) {
	switch {
	case name == "":
		v.problem(path, "the name of the "+what+" is empty", "")
	case len([]rune(name)) > 64:
		v.problem(path, fmt.Sprintf("the name of the %s is longer than 64 characters", what), "")
	case strings.HasSuffix(name, " ") || strings.ContainsAny(name, "\x00/\\"):
		v.problem(path, fmt.Sprintf("%q cannot be the name of a %s", name, what), "")
	}
}

// word checks the name of a data source or shard: it stands in patterns, metrics and messages.
func (v *validator) word(path, what, name string) {
	ok := name != "" && len(name) <= 64
	for _, c := range name {
		ok = ok && (c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z')
	}
	if !ok {
		v.problem(path, fmt.Sprintf("%q cannot be the name of a %s", name, what), "letters, digits, _ and -, at most 64")
	}
}

func (v *validator) dataSources() {
	places := map[string]string{}
	for _, ds := range v.layout.DataSources {
		path := "data_sources." + ds.Name
		v.word(path, "data source", ds.Name)
		if v.sources[ds.Name] {
			v.problem(path, fmt.Sprintf("data source %q is declared twice", ds.Name), "")
		}
		v.sources[ds.Name] = true
		v.address(path+".address", ds.Address)
		v.ownSchema(path+".schema", ds.Schema)
		if ds.User == "" {
			v.problem(path, "it has no user", "write user: here or under defaults")
		}
		v.secret(path+".password", ds.Password)
		v.replicas(path, &ds)
		if ds.Pool.Max > 0 && ds.Pool.MinIdle > ds.Pool.Max {
			v.problem(path+".pool.min_idle", "min_idle is above max", "")
		}
		switch p := ds.Pool; {
		case p.Least > 0 && p.Budget == 0:
			v.problem(path+".pool.least", "least is of a budget, and there is none", "write budget: here, or leave least out")
		case p.Least > p.Budget:
			v.problem(path+".pool.least", "least is above budget", "")
		}
		v.tls(path+".tls", ds.TLS)
		place := ds.Address + "/" + ds.Schema
		if other, dup := places[place]; dup && ds.Address != "" {
			v.problem(path, fmt.Sprintf("it is the same schema on the same server as data source %q", other), "for several tables of one kind in one schema use shards with a suffix")
		}
		places[place] = ds.Name
	}
}

func (v *validator) replicas(path string, ds *DataSource) {
	for i, r := range ds.Replicas {
		at := fmt.Sprintf("%s.replicas[%d]", path, i)
		v.address(at, r.Address)
		if r.Address == ds.Address {
			v.problem(at, "the replica is the data source itself", "")
		}
		if slices.ContainsFunc(ds.Replicas[:i], func(other Replica) bool { return other.Address == r.Address }) {
			v.problem(at, "the replica is there twice", "")
		}
	}
}

func (v *validator) tls(path string, t *TLS) {
	if t == nil {
		return
	}
	if (t.Cert == "") != (t.Key == "") {
		v.problem(path, "a client certificate needs both cert and key", "")
	}
}

func (v *validator) secret(path string, s Secret) {
	if message, hint := secretProblem(s); message != "" {
		at := v.doc.source.locate(path)
		v.problems = append(v.problems, Problem{Line: at.line, Column: at.column, Path: path, Message: message, Hint: hint})
	}
}

// address wants host:port, [v6]:port or a socket's path.
func (v *validator) address(path, address string) {
	const hint = "write host:port, [v6 address]:port, or the path of a socket"
	if address == "" {
		v.problem(path, "there is no address", hint)
		return
	}
	if strings.HasPrefix(address, "/") {
		return
	}
	i := strings.LastIndexByte(address, ':')
	host, port := address[:max(i, 0)], address[i+1:]
	if n, err := strconv.ParseUint(port, 10, 16); i < 0 || err != nil || n == 0 {
		v.problem(path, fmt.Sprintf("%q has no port", address), hint)
		return
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if len(inner) < 3 || !strings.HasSuffix(inner, "]") || strings.Trim(inner[:len(inner)-1], "0123456789abcdefABCDEF:.") != "" {
			v.problem(path, fmt.Sprintf("%q is no address", address), hint)
		}
		return
	}
	if host == "" || strings.ContainsAny(host, ":/@ []") {
		v.problem(path, fmt.Sprintf("%q is no address", address), hint)
	}
}

// known checks a reference to a data source.
func (v *validator) known(path, source string) bool {
	if v.sources[source] || len(v.doc.DataSources) == 0 { // that there is none is said once
		return v.sources[source]
	}
	names := make([]string, 0, len(v.doc.DataSources))
	for _, ds := range v.doc.DataSources {
		names = append(names, ds.Name)
	}
	v.problem(path, fmt.Sprintf("unknown data source %q", source), "declared: "+strings.Join(names, ", "))
	return false
}

// UnreadReplicas is what has to be said of data sources that declare replicas and are not split; "" where there is none.
func UnreadReplicas(sources []DataSource) string {
	var names []string
	for i := range sources {
		if len(sources[i].Replicas) > 0 && sources[i].Splitting == nil {
			names = append(names, sources[i].Name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "replicas of " + strings.Join(names, ", ") + " are not read from: all statements go to the data source's own address (read_write_splitting: {} would change that)"
}
