//go:build tools

// Package tools pins the Terraform provider that the suite builds: go.mod names its version and
// go.sum the content of every module it is made of. Nothing imports this package.
package tools

import (
	_ "github.com/vmware/terraform-provider-vcd/v3"
)
