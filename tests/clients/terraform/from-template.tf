# A virtual machine from a catalog's template, with other hardware than the template has.

data "vcd_catalog" "templates" {
  name = "templates"
}

data "vcd_catalog_vapp_template" "ubuntu" {
  catalog_id = data.vcd_catalog.templates.id
  name       = "ubuntu-24.04"
}

resource "vcd_vapp" "app" {
  name = "from-template"
}

resource "vcd_vapp_vm" "vm" {
  vapp_name        = vcd_vapp.app.name
  name             = "from-template-1"
  vapp_template_id = data.vcd_catalog_vapp_template.ubuntu.id
  memory           = 512
  cpus             = 1
  power_on         = true
}
