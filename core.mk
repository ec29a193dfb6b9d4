# SPDX-License-Identifier: GPL-2.0
#
# The core: axas_NAME.c for each name. The module has it; so have the modules
# that test and measure it, compiled again as core_NAME.o with flags of their own.

axas-core := space area alias map move range collapse track dirty fault page query backend device memory live poison tree
axas-core += npt npt_ept npt_ept_mbec npt_s2 npt_s2_lpa2 npt_s2_xnx npt_amd hal_linux register

# axas-core-twin: what compiles core_NAME.o from axas_NAME.c in directory $(1),
# for the names in $(2)
define axas-core-twin
$(addprefix $(obj)/core_,$(addsuffix .o,$(2))): $(obj)/core_%.o: $(1)/axas_%.c FORCE
	$$(call if_changed_rule,cc_o_c)
	$$(call cmd,force_checksrc)
endef
