# A virtual machine without a template: the provider asks for everything that one would have said.

resource "vcd_vapp" "app" {
  name        = "empty-vm"
  description = "A vApp with a machine from nothing"
}

resource "vcd_vapp_vm" "vm" {
  vapp_name        = vcd_vapp.app.name
  name             = "empty-vm-1"
  computer_name    = "empty-vm-1"
  os_type          = "ubuntu64Guest"
  hardware_version = "vmx-19"
  firmware         = "efi" # not what it is by default, so the server has to remember it
  memory           = 1024
  cpus             = 2
  cpu_cores        = 1
  power_on         = true
}
