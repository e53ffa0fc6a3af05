package sidecar

import (
	"sync/atomic"

	"github.com/heddle-mesh/heddle/proxy/server"
	"github.com/heddle-mesh/heddle/router/rule"
	"github.com/heddle-mesh/heddle/sidecar/config"
)

// accounts are the accounts of the users document that is active. It implements server.Accounts.
type accounts struct {
	byName atomic.Pointer[map[string]server.Account]
}

// set makes a users document the active one.
func (a *accounts) set(users *rule.Users) {
	byName := make(map[string]server.Account, len(users.Users))
	for i := range users.Users {
		byName[users.Users[i].Name] = account(&users.Users[i])
	}
	a.byName.Store(&byName)
}

// none reports that there is no account.
func (a *accounts) none() bool {
	byName := a.byName.Load()
	return byName == nil || len(*byName) == 0
}

// Account returns the account of that name.
func (a *accounts) Account(user string) (server.Account, bool) {
	byName := a.byName.Load()
	if byName == nil {
		return server.Account{}, false
	}
	account, ok := (*byName)[user]
	return account, ok
}

func account(u *rule.User) server.Account {
	out := server.Account{User: u.Name, MaxConnections: u.MaxConnections, Databases: u.Databases, Admin: u.Admin, Transactions: u.Transactions}
	for _, db := range u.Databases {
		if db == "*" {
			out.Databases = nil
		}
	}
	if len(out.Databases) == 0 {
		out.Databases = nil
	}
	plugin, verifier, ok := rule.ParseVerifier(u.Verifier)
	switch {
	case ok && plugin == rule.PluginNative:
		out.Native = verifier
	case ok:
		out.Caching = verifier
	case u.Password != "":
		reference := u.Password
		out.Password = func() (string, error) { return config.Resolve(reference) }
	default:
		out.Empty = true
	}
	return out
}
