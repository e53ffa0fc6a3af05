package rule

import _ "embed"

// Sample is a commented file of rules for a shop on four servers, with a user; it validates.
//
//go:embed sample.yaml
var Sample string

// Minimal is the shortest file of rules: one data source and one user make a plain proxy.
//
//go:embed minimal.yaml
var Minimal string
