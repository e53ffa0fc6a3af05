package sharding

import "errors"

// ErrNoNode is Locate's answer to a key that no node takes: a list that does not have the value, a range beyond the
// last bound. Rows with it cannot be stored; conditions on it match nothing.
var ErrNoNode = errors.New("no shard takes this value")

// IsNoNode reports whether err is ErrNoNode.
func IsNoNode(err error) bool { return errors.Is(err, ErrNoNode) }
