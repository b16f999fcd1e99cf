terraform {
  required_providers {
    vcd = { source = "vmware/vcd" }
  }
}

variable "url" {
  type        = string
  description = "The API's URL, with /api"
}

variable "password" {
  type      = string
  sensitive = true
}

provider "vcd" {
  user                 = "admin"
  password             = var.password
  org                  = "demo"
  vdc                  = "demo-vdc"
  url                  = var.url
  allow_unverified_ssl = true
}
