// Command promote turns the link ws to another variant, by evidence, or back without (scripts/internal/promotion).
//
// Everything runs on the one goroutine of main.
package main
