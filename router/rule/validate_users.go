package rule

import (
	"fmt"
	"reflect"
)

// ValidateUsers reports everything that is wrong with a document of users.
func ValidateUsers(u *Users) Problems {
	var problems Problems
	report := func(path, message, hint string) {
		p := u.source.problem(path, message, hint)
		p.Excerpt = "" // the line may hold a password in clear
		problems = append(problems, p)
	}
	seen := map[string]bool{}
	for _, user := range u.Users {
		path := "users." + user.Name
		if len([]rune(user.Name)) > 80 {
			report(path, "the name is longer than 80 characters", "")
		}
		if seen[user.Name] {
			report(path, fmt.Sprintf("user %q is declared twice", user.Name), "")
		}
		seen[user.Name] = true
		if user.Verifier != "" {
			if _, _, ok := ParseVerifier(user.Verifier); !ok {
				report(path+".verifier", "this is not a verifier", "")
			}
			if user.Password != "" {
				report(path, "it has a verifier and a password", "one of them says how it logs in")
			}
		}
		if message, hint := secretProblem(user.Password); message != "" {
			report(path+".password", message, hint)
		}
		if user.Admin && len(user.Databases) > 0 {
			report(path+".admin", "an administrator is not limited to databases", "leave out one of admin and databases")
		}
		if user.MaxConnections < 0 {
			report(path+".max_connections", "it is negative", "")
		}
	}
	return problems.sorted()
}

// ValidateTogether reports what is wrong between documents: names of data sources are global to the mesh, so that
// one name means one server and account everywhere; schemas may differ.
func ValidateTogether(docs []*Document) Problems {
	type first struct {
		doc *Document
		ds  DataSource
	}
	var problems Problems
	sources, databases := map[string]first{}, map[string]bool{}
	for _, d := range docs {
		if databases[d.Database] {
			name := fmt.Sprintf("database %q", d.Database)
			if d.Database == "" {
				name = "the pass-through database"
			}
			problems = append(problems, d.source.problem("database", "a second document for "+name, ""))
		}
		databases[d.Database] = true
		for _, ds := range d.layout().DataSources {
			f, ok := sources[ds.Name]
			if !ok {
				sources[ds.Name] = first{d, ds}
				continue
			}
			if apart := OtherServer(f.ds, ds); apart != "" {
				problems = append(problems, d.source.problem("data_sources."+ds.Name,
					fmt.Sprintf("data source %q has another %s in the document of database %q than in that of %q", ds.Name, apart, f.doc.Database, d.Database),
					"one name means one server, one account and one pool of connections in all documents"))
			}
		}
	}
	return problems
}

// OtherServer names the first thing in which two declarations under one name differ, beside the schema; "" where nothing does.
func OtherServer(a, b DataSource) string {
	switch {
	case a.Address != b.Address || a.User != b.User || a.Password != b.Password:
		return "address or account"
	case !reflect.DeepEqual(a.TLS, b.TLS):
		return "tls"
	case a.Pool != b.Pool:
		return "pool"
	case !reflect.DeepEqual(a.Replicas, b.Replicas):
		return "replicas"
	case a.Zone != b.Zone:
		return "zone"
	case !reflect.DeepEqual(a.Splitting, b.Splitting):
		return "read_write_splitting"
	}
	return ""
}
