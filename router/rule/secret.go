package rule

import "strings"

// Secret refers to a secret: "env:NAME" or "file:/path". It is never the value, so documents can be stored, shown
// and logged as they are. Empty: no password.
type Secret string

// Kind and Target split the reference: "env" and a variable's name, or "file" and a path. Both are empty when it
// is not a reference.
func (s Secret) Kind() string {
	kind, target, ok := strings.Cut(string(s), ":")
	if !ok || target == "" || kind != "env" && kind != "file" {
		return ""
	}
	return kind
}

// Target is what the reference points to.
func (s Secret) Target() string {
	if s.Kind() == "" {
		return ""
	}
	_, target, _ := strings.Cut(string(s), ":")
	return target
}

// secretProblem says what is wrong with a reference without repeating it: it may be a password in clear.
func secretProblem(s Secret) (message, hint string) {
	if s == "" || s.Kind() != "" {
		return "", ""
	}
	return "a secret must be a reference, not a value", "write env:NAME or file:/path; leave it out for an empty password"
}
