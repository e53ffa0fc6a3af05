package importer

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/heddle-mesh/heddle/router/rule"
)

// shardingSphere reads a database's YAML, or the global one, of which only the accounts are taken.
func (r *run) shardingSphere(t *tree) error {
	if !t.has("dataSources") {
		for _, list := range [][]*tree{t.at("rules").items(), {t.at("authority")}} {
			for _, rules := range list {
				r.sphereUsers(rules)
			}
		}
		t.ignore("mode", "props")
		return nil
	}
	name := t.any("databaseName", "schemaName").text
	if name == "" {
		name = r.Database
	}
	if name == "" {
		return fmt.Errorf("it does not say databaseName: give --database")
	}
	s := &sphere{run: r, d: r.document(name), common: t.at("dataSourceCommon")}
	if err := s.sources(t.at("dataSources")); err != nil {
		return err
	}
	rules := t.at("rules").items()
	for _, x := range rules { // groups first: they rename data sources
		if x.tag == "!READWRITE_SPLITTING" {
			s.groups(x)
		}
	}
	for _, x := range rules {
		switch x.tag {
		case "!READWRITE_SPLITTING":
		case "!SHARDING":
			if err := s.sharding(x); err != nil {
				return err
			}
		case "!BROADCAST":
			s.d.Broadcast = append(s.d.Broadcast, x.at("tables").texts()...)
		case "!SINGLE":
			s.single(x)
		default:
			x.readAll()
			r.note(NoEqual, x.tag, "there is no such rule here")
		}
	}
	t.ignore("props", "mode")
	return nil
}

func (r *run) sphereUsers(rules *tree) {
	if rules.tag != "!AUTHORITY" && !rules.has("users") {
		rules.readAll()
		return
	}
	for _, u := range rules.at("users").items() {
		if u.fields == nil { // root@%:password, as it was
			name, password, _ := strings.Cut(u.text, ":")
			name, _, _ = strings.Cut(name, "@")
			r.user(name, password, nil)
			continue
		}
		name, _, _ := strings.Cut(u.at("user").text, "@")
		u.ignore("admin", "authenticationMethodName")
		r.user(name, u.at("password").text, nil)
	}
	rules.ignore("privilege", "authenticators", "defaultAuthenticator")
}

// sphere is one database.
type sphere struct {
	*run
	d          *rule.Document
	common     *tree
	renamed    map[string]string // storage units that a group has, to the group
	algorithms map[string]*tree
	generators map[string]*tree
}

func (s *sphere) sources(t *tree) (err error) {
	t.each(func(name string, v *tree) {
		ds := rule.DataSource{Name: name}
		if err == nil {
			ds.Address, ds.Schema, err = jdbc(name, v.any("url", "jdbcUrl").text)
		}
		get := func(keys ...string) *tree {
			if f := v.any(keys...); !f.null {
				return f
			}
			return s.common.any(keys...)
		}
		ds.User = get("username").text
		ds.Password = s.secret(s.d.Database+"_"+name, get("password").text)
		ds.Pool.Max, ds.Pool.MinIdle = get("maxPoolSize", "maximumPoolSize").int(), get("minPoolSize", "minimumIdle").int()
		if ds.Schema == s.d.Database {
			ds.Schema = ""
		}
		for _, x := range []*tree{v, s.common} {
			x.ignore("connectionTimeoutMilliseconds", "idleTimeoutMilliseconds", "maxLifetimeMilliseconds", "maintenanceIntervalMilliseconds",
				"dataSourceClassName", "driverClassName", "connectionTimeout", "idleTimeout", "maxLifetime")
		}
		s.d.DataSources = append(s.d.DataSources, ds)
	})
	return err
}

// jdbc reads the address and schema of a URL such as jdbc:mysql://host:port/schema?options.
func jdbc(name, text string) (address, schema string, err error) {
	u, err := url.Parse(strings.TrimPrefix(text, "jdbc:"))
	if err != nil || u.Scheme != "mysql" && u.Scheme != "mariadb" || u.Host == "" {
		return "", "", fmt.Errorf("data source %s: %q is no URL of a MySQL or MariaDB server", name, text)
	}
	address = u.Host
	if u.Port() == "" {
		address += ":3306"
	}
	return address, strings.TrimPrefix(u.Path, "/"), nil
}

// groups makes one data source of a primary and its replicas, under the group's name.
func (s *sphere) groups(x *tree) {
	s.renamed = map[string]string{}
	groups := x.any("dataSourceGroups", "dataSources")
	groups.each(func(name string, g *tree) {
		if g.has("staticStrategy") {
			g = g.at("staticStrategy")
		}
		primary := g.any("writeDataSourceName", "primaryDataSourceName").text
		i := slices.IndexFunc(s.d.DataSources, func(d rule.DataSource) bool { return d.Name == primary })
		if i < 0 {
			s.note(NoEqual, name, "its primary %s is not there", primary)
			return
		}
		for _, replica := range g.any("readDataSourceNames", "replicaDataSourceNames").texts() {
			j := slices.IndexFunc(s.d.DataSources, func(d rule.DataSource) bool { return d.Name == replica })
			if j >= 0 {
				s.d.DataSources[i].Replicas = append(s.d.DataSources[i].Replicas, rule.Replica{Address: s.d.DataSources[j].Address})
				s.d.DataSources = slices.Delete(s.d.DataSources, j, j+1)
				i = slices.IndexFunc(s.d.DataSources, func(d rule.DataSource) bool { return d.Name == primary })
			}
		}
		s.d.DataSources[i].Name = name
		s.renamed[primary] = name
		g.ignore("loadBalancerName", "transactionalReadQueryStrategy")
	})
	x.ignore("loadBalancers")
	s.note(ToDo, "!READWRITE_SPLITTING", "the replicas are declared; how reads are shared out is another matter than its load balancers")
}

func (s *sphere) single(x *tree) {
	by := map[string]int{}
	for _, text := range x.at("tables").texts() {
		source, table, _ := strings.Cut(text, ".")
		if strings.Contains(text, "*") || table == "" {
			continue // a table that is listed nowhere is found
		}
		i, ok := by[source]
		if !ok {
			i = len(s.d.Single)
			by[source] = i
			s.d.Single = append(s.d.Single, rule.SingleTables{DataSource: s.place(source)})
		}
		s.d.Single[i].Tables = append(s.d.Single[i].Tables, table)
	}
	s.d.Defaults.DataSource = s.place(x.at("defaultDataSource").text)
}

func (s *sphere) place(source string) string {
	if group, ok := s.renamed[source]; ok {
		return group
	}
	return source
}

func (s *sphere) sharding(x *tree) error {
	s.algorithms, s.generators = map[string]*tree{}, map[string]*tree{}
	x.at("shardingAlgorithms").each(func(name string, a *tree) { s.algorithms[name] = a })
	x.at("keyGenerators").each(func(name string, g *tree) { s.generators[name] = g })
	x.ignore("auditors", "defaultAuditStrategy", "shardingCache")
	var err error
	x.at("tables").each(func(name string, t *tree) {
		if err == nil {
			err = s.table(x, name, t)
		}
	})
	x.at("autoTables").each(func(name string, t *tree) { s.autoTable(x, name, t) })
	for _, b := range x.at("bindingTables").items() {
		text := b.text
		if _, group, named := strings.Cut(text, ":"); named {
			text = group
		}
		s.bindAll((&tree{text: text}).texts())
	}
	s.d.Broadcast = append(s.d.Broadcast, x.at("broadcastTables").texts()...)
	for _, a := range s.algorithms {
		a.readAll()
	}
	for _, g := range s.generators {
		g.readAll()
	}
	return err
}

// bindAll binds those tables of a group that Heddle places alike; of others it says why not.
func (s *sphere) bindAll(tables []string) {
	if len(tables) < 2 {
		return
	}
	s.d.Binding = append(s.d.Binding, tables)
	var why []string
	for _, p := range rule.Validate(s.d) {
		if strings.HasPrefix(p.Path, fmt.Sprintf("binding[%d]", len(s.d.Binding)-1)) {
			why = append(why, p.Message)
		}
	}
	if len(why) > 0 {
		s.d.Binding = s.d.Binding[:len(s.d.Binding)-1]
		s.note(NoEqual, "bindingTables "+strings.Join(tables, ", "), "they are not placed alike here: %s", strings.Join(why, "; "))
	}
}

func (s *sphere) generate(x, t *tree, out *rule.Table) {
	g := t.at("keyGenerateStrategy")
	if g.null {
		g = x.at("defaultKeyGenerateStrategy")
	}
	column := g.at("column").text
	if column == "" {
		g.readAll()
		return
	}
	name := g.at("keyGeneratorName").text
	typ := "SNOWFLAKE"
	if k := s.generators[name]; k != nil {
		typ = strings.ToUpper(k.at("type").text)
	}
	out.Generate = &rule.Generator{Column: column}
	switch typ {
	case "SNOWFLAKE", "COSID_SNOWFLAKE":
		out.Generate.Type = "snowflake"
		s.note(ToDo, out.Name, "the ids of %s go on in another form, below those that there are for about twelve years: nothing may rely on their order over the change", column)
	case "UUID":
		out.Generate.Type = "uuid"
		s.note(ToDo, out.Name, "the ids of %s have dashes, and are of version 7", column)
	default:
		out.Generate.Type = "snowflake"
		s.note(NoEqual, out.Name, "the generator %s is not there; snowflake fills %s", typ, column)
	}
}
