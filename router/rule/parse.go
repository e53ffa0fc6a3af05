package rule

// File is what a file of rules holds: documents of logical databases and at most one of users, separated by "---".
type File struct {
	Documents []*Document
	Users     *Users // nil: none
}

// Missing is what is wrong with a file that holds no document at all.
func (f *File) Missing() Problems {
	if len(f.Documents) > 0 || f.Users != nil {
		return nil
	}
	return Problems{{Line: 1, Column: 1, Message: "there is no document", Hint: "one of rules has data_sources:, one of users has users:"}}
}

// ParseFile reads a file strictly and validates all of it. The documents are usable only when there are no problems.
func ParseFile(text []byte) (*File, Problems) {
	src := newSource(string(text))
	nodes, problems := parseYAML(text, src)
	f := &File{}
	for _, n := range nodes {
		r := &reader{src: &source{lines: src.lines, at: map[string]position{"": n.at}}}
		if isUsers(n) {
			u := r.users(n)
			if f.Users != nil {
				r.problem("users", "a second document of users", "put all users into one")
			}
			f.Users = u
			problems = append(problems, merge(r.problems, ValidateUsers(u))...)
			continue
		}
		d := r.document(n)
		f.Documents = append(f.Documents, d)
		problems = append(problems, merge(r.problems, Validate(d))...)
	}
	if len(problems) == 0 {
		problems = append(problems, ValidateTogether(f.Documents)...)
	}
	return f, problems.sorted()
}

// Parse reads one document of a logical database and validates it.
func Parse(text []byte) (*Document, Problems) {
	f, problems := ParseFile(text)
	if len(f.Documents) != 1 || f.Users != nil {
		if len(problems) == 0 {
			problems = Problems{{Line: 1, Column: 1, Message: "expected one document with data_sources"}}
		}
		return nil, problems
	}
	return f.Documents[0], problems
}

// ParseUsers reads one document of users and validates it.
func ParseUsers(text []byte) (*Users, Problems) {
	f, problems := ParseFile(text)
	if f.Users == nil || len(f.Documents) > 0 {
		if len(problems) == 0 {
			problems = Problems{{Line: 1, Column: 1, Message: "expected one document with users"}}
		}
		return nil, problems
	}
	return f.Users, problems
}

// isUsers tells the two kinds of documents apart by their first floor.
func isUsers(n *node) bool {
	for _, e := range n.entries {
		if e.key == "users" {
			return true
		}
	}
	return false
}

// merge adds what validation found, but for what points at a place where reading already failed.
func merge(read, validated Problems) Problems {
	seen := map[position]bool{}
	for _, p := range read {
		seen[position{p.Line, p.Column}] = true
	}
	out := read
	for _, p := range validated {
		if !seen[position{p.Line, p.Column}] {
			out = append(out, p)
		}
	}
	return out
}
