// Package tools keeps Terraform's Docker provider in go.mod: tools/setup builds it where no registry of providers answers.
//
//go:build tools

package tools

import _ "github.com/terraform-providers/terraform-provider-docker"
