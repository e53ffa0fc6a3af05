// Package rule is what operators declare: one document per logical database (data sources, slots, tables, binding
// groups, broadcast tables, defaults) and one document of users. It reads YAML strictly, reports every mistake at
// once with line and column, writes one canonical form, and resolves a document into the layout that planning uses.
//
// It is not the catalog (which joins layouts of all databases with table schemas), it stores nothing, opens no
// file and never sees a secret's value: secrets are references.
//
// Level: router, above sharding and keygen, below catalog; pure.
package rule
