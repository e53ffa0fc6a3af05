package rule

func (r *reader) users(n *node) *Users {
	u := &Users{Format: Format, source: r.src}
	r.fields(n, "", map[string]func(*node, string){
		"format": func(n *node, p string) { u.Format = r.integer(n, p, 1, Format) },
		"users": func(n *node, p string) {
			r.named(n, p, func(name string, n *node, path string) { u.Users = append(u.Users, r.user(name, n, path)) })
		},
	})
	return u
}

func (r *reader) user(name string, n *node, path string) User {
	u := User{Name: name}
	if n.isNull() {
		return u
	}
	r.fields(n, path, map[string]func(*node, string){
		"verifier":        func(n *node, p string) { u.Verifier = r.verifier(n, p) },
		"password":        func(n *node, p string) { u.Password = r.secret(n, p) },
		"databases":       func(n *node, p string) { u.Databases = r.strs(n, p) },
		"admin":           func(n *node, p string) { u.Admin = r.boolean(n, p) },
		"transactions":    func(n *node, p string) { u.Transactions = r.word(n, p, TransactionTypes()...) },
		"max_connections": func(n *node, p string) { u.MaxConnections = r.integer(n, p, 0, 1<<20) },
	})
	return u
}

// verifier does not keep what is none: it may be a password.
func (r *reader) verifier(n *node, path string) string {
	s := r.str(n, path)
	if r.draft != nil && n.isScalar() {
		r.draft.note(Schema{"type": "string", "pattern": `^(\*[0-9A-Fa-f]{40}|\$A\$.*|0x[0-9A-Fa-f]+)$`})
	}
	if _, _, ok := ParseVerifier(s); ok {
		return s
	}
	at := r.src.at[path]
	r.problems = append(r.problems, Problem{Line: at.line, Column: at.column, Path: path, Message: "this is not a verifier",
		Hint: "a native one is * and 40 hexadecimal digits; a caching_sha2 one starts with $A$ or 0x244124; for a password write password: env:NAME"})
	return ""
}
