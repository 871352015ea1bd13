/* SPDX-License-Identifier: Apache-2.0 */
/* What the arch code keeps per processor, and its parts' names for each other. */
#pragma once

#include "abi/hypercall.h"
#include "hypervisor/arch/x86/svm/vmcb.h"
#include "hypervisor/core/vcpu.h"

enum { INSTRUCTION_MAX = 15 }; /* bytes (APM 3, 1.1) */
enum { STACK_SIZE = 32768, STEP_PAGES_MAX = 4, STEP_TABLES_MAX = 1 + 3 * STEP_PAGES_MAX };

/* One instruction of Linux's with pages replaced by the abort page: see abort_page.c. */
struct step {
	bool active;
	uint64_t flags; /* RFLAGS.TF and IF as they were */
	unsigned int pages, tables_used;
	uint64_t *tables[STEP_TABLES_MAX];
	void *abort_page;
};

struct svm_cpu {
	struct vmcb *vmcb, *host; /* host: what VMLOAD loads for us */
	void *save_area, *stack, *fault_stacks;
	uint64_t xcr0_loaded, vm_cr;
	uint64_t linux_npt; /* the root of Linux's nested tables, which stays */
	uint64_t counters[HV_COUNTERS];
	uint64_t event; /* an event whose delivery an exit interrupted; delivered again unless another goes first */
	bool enclave_before; /* which world ran last */
	bool tables_away; /* the limits of Linux's descriptor tables are here, not in the VMCB: enter.c */
	uint32_t gdt_limit, idt_limit, ldt_limit;
	/*
	 * NMIs of Linux's. The processor does not keep one injected NMI from meeting the next (it does for its own, until IRET), and
	 * Linux's handler relies on it: so from an injection on IRET exits, and what comes before that waits.
	 */
	bool nmi_pending, nmi_blocked;
	uint64_t nmi_return; /* RIP of the IRET that ended the blocking: not before it was executed */
	bool flush;	     /* forget translations before the next entry */
	uint32_t apic_id;
	struct step step;
	/* The guest's code at RIP, as read for this exit: once, what decoders judge. */
	uint8_t code[INSTRUCTION_MAX +
		     FETCH_MAX]; /* room for one fetch behind the last byte that counts */
	unsigned int code_size;
	/* flush.c */
	uint64_t flush_request, flush_done, nmi_sent, nmi_taken;
	uint64_t nmi_delivered; /* of nmi_sent: the local APIC has it */
	bool in_guest;
	uint32_t start; /* start.c */
	/* tables.c */
	uint64_t gdt[8];
	uint8_t tss[104];
	uint64_t local
		[8]; /* FS points here: [0] this structure; [5] is the stack protector's canary, for libbearssl.a */
	unsigned int vector_users; /* fpu.c */
	uint8_t vectors[512] __attribute__((aligned(16)));
};

/* An event's count, per processor: no lock. */
static inline void count(struct vcpu *v, enum hv_counter counter)
{
	((struct svm_cpu *)v->arch)->counters[counter]++;
}

static inline struct svm_cpu *svm_of(struct vcpu *v)
{
	return v->arch;
}

/* The processor that this runs on. */
static inline struct svm_cpu *this_cpu(void)
{
	struct svm_cpu *cpu;

	asm("mov %%fs:0, %0" : "=r"(cpu));
	return cpu;
}

/* What LGDT and LIDT take. */
struct table_pointer {
	uint16_t limit;
	uint64_t base;
} __attribute__((packed));

/* switch.S */
void svm_run(uint64_t gpr[16], uint64_t vmcb, uint64_t host_vmcb);
noreturn_ void svm_start(struct vcpu *v, uint64_t cr3, void *stack_end);
must_check int call_own(int (*function)(const struct hv_boot *boot), const struct hv_boot *argument,
			uint64_t cr3, void *stack_end);
/* On Linux's own page and descriptor tables: what it finds in the VMCB and `gpr` becomes the processor's. */
noreturn_ void svm_native(const struct vmcb *vmcb, const uint64_t gpr[16]);
must_check int msr_read_safe(uint32_t msr, uint64_t *ret_value); /* -EFAULT: #GP */
must_check int msr_write_safe(uint32_t msr, uint64_t value);
extern char fixup_start[], fixup_end[], fixup_handler[];
void interrupt_window(void); /* takes interrupts that are pending, and forgets them */
void nmi_wait(void);	     /* sleeps until one came, or takes what is pending */
extern char nmi_wait_halt[];
void nmi_window(void); /* lets what is pending in (NMI, INIT as #SX), our own handlers count it */

/* tables.c: GDT, TSS, IDT, and what loads them; own page tables */
void tables_init(struct svm_cpu *cpu);
void tables_load(struct svm_cpu *cpu);
void interrupt_table_init(void);
extern uint64_t hypervisor_cr3;
must_check int own_paging_init(const struct hv_boot *boot);
void *device_map(uint64_t address, size_t size); /* uncached, in our tables; NULL: no memory */

/* enter.c */
must_check int svm_available(void);
uint64_t efer_autoibrs(void); /* the bit, if the processor has it */
void svm_quiet(void);	      /* SVM on, GIF clear: no NMI of Linux's arrives */
void svm_loud(void);	      /* and back, if it is on */
void svm_capture(struct vcpu *v, const struct hv_entry *entry); /* Linux's state into the VMCB */
noreturn_ void svm_loop(struct vcpu *v);
long svm_leave(struct vcpu *v, uint64_t cr3, bool wipe); /* returns only if refused */

/* exit.c and its helpers: each handles an exit, RIP moved or an event injected */
void svm_exit(struct vcpu *v);
void svm_skip(struct vcpu *v, unsigned int size);
void cpuid_exit(struct vcpu *v);
void msr_exit(struct vcpu *v);
bool msr_exits(uint32_t msr, bool is_write);
void msrs_quiet(void); /* this processor records nothing of what runs on it */
void xsetbv_exit(struct vcpu *v);
void npf_exit(struct vcpu *v);
void enclave_exit(struct vcpu *v);
/* 0, or the fault is injected: linear address of code into bytes, as far as needed */
must_check int code_byte(struct vcpu *v, unsigned int offset, uint8_t *ret_byte);

/* abort_page.c */
void step_begin(struct vcpu *v, uint64_t guest_physical);
void step_end(struct vcpu *v);
uint64_t step_root(const struct step *step);

/* apic.c */
void apic_init(void);
void apic_access(struct vcpu *v, uint64_t guest_physical);
/* A command for other processors, as x2APIC has it (destination in the upper half): true if it may go to the hardware, else it is done. */
bool apic_command(struct vcpu *v, uint64_t command);
bool apic_vector_allowed(struct vcpu *v, uint32_t value); /* of the local vector table */
void apic_end_interrupt(void);
void apic_reset(void); /* this processor's, as INIT leaves it */
/* Ours: counted, so that its exit tells it from one of Linux's. */
void apic_send_nmi(struct svm_cpu *cpu);
uint32_t apic_id(void);
extern uint64_t apic_base;
extern bool apic_x2;

/* start.c */
void start_send(struct vcpu *v, uint32_t destination, uint32_t command, bool startup);
bool start_take(struct vcpu *v); /* an INIT was sent here: true, after the SIPI that followed */
bool start_waits(const struct vcpu *v);
bool start_any_waits(void);

/* power.c: how the machine ends */
void power_init(const struct hv_boot *boot, uint8_t *bitmap); /* of the ports that exit */
void power_stop_here(struct vcpu *v); /* before each entry: for ever if the machine ends */
void power_end(struct vcpu *v);	      /* returns on one processor, the only one that still runs */
void power_exit(struct vcpu *v);
uint32_t port_read(uint16_t port, unsigned int size);
void port_write(uint16_t port, unsigned int size, uint32_t value);

/* --- instructions --- */
static inline void cpuid(uint32_t leaf, uint32_t subleaf, uint32_t regs[4])
{
	asm volatile("cpuid"
		     : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]), "=d"(regs[3])
		     : "a"(leaf), "c"(subleaf));
}

static inline uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;
	asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void msr_write(uint32_t msr, uint64_t value)
{
	asm volatile("wrmsr"
		     :
		     : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
}

static inline void xcr0_write(uint64_t value)
{
	asm volatile("xsetbv"
		     :
		     : "c"(0), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
		     : "memory");
}
static inline uint64_t xcr0_read(void)
{
	uint32_t low, high;
	asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}
