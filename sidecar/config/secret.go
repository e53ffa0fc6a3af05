package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/heddle-mesh/heddle/router/rule"
)

// errNotReference does not repeat the text: what stands there may be the secret itself.
var errNotReference = errors.New("a secret is given as a reference, env:NAME or file:PATH, never as its value")

func parseSecret(text string) (rule.Secret, error) {
	s := rule.Secret(text)
	if text != "" && s.Kind() == "" {
		return "", errNotReference
	}
	return s, nil
}

// Resolve reads the value that a reference of this file, a rule document or the users document points to: the
// variable, or the file without its last line break. It reads now and keeps nothing, so that a rotated secret is
// seen and nothing printed shows it. No reference resolves to "". Errors name the reference.
func Resolve(s rule.Secret) (string, error) {
	switch s.Kind() {
	case "env":
		v, ok := os.LookupEnv(s.Target())
		if !ok {
			return "", fmt.Errorf("secret %s: the environment variable is not set", s)
		}
		return v, nil
	case "file":
		b, err := os.ReadFile(s.Target())
		if err != nil {
			return "", fmt.Errorf("secret %s: %w", s, err)
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), nil
	}
	if s != "" {
		return "", errNotReference
	}
	return "", nil
}
